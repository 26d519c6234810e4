// Draws the diagrams of the book, which are Mermaid in its source as GitHub draws it. Without a network they stay text.
const diagrams = document.querySelectorAll('code.language-mermaid');
if (diagrams.length > 0) {
  import('https://cdn.jsdelivr.net/npm/mermaid@12.3.0/dist/mermaid.esm.min.mjs').then(({ default: mermaid }) => {
    for (const code of diagrams) {
      const figure = document.createElement('pre');
      figure.className = 'mermaid';
      figure.textContent = code.textContent;
      code.parentElement.replaceWith(figure);
    }
    const isDark = /coal|navy|ayu/.test(document.documentElement.className);
    mermaid.initialize({ startOnLoad: false, theme: isDark ? 'dark' : 'default' });
    return mermaid.run();
  });
}
