// Draws the diagrams of the book, which are Mermaid in its source as GitHub draws it. Without a network they stay text.
// One file, as the browser can hold only that against a hash: that of mermaid.min.js in npm's mermaid 12.3.0.
const diagrams = [...document.querySelectorAll('code.language-mermaid')].map((code) => ({
  place: code.parentElement,
  source: code.textContent,
}));

const isDark = () => /coal|navy|ayu/.test(document.documentElement.className);

async function draw() {
  mermaid.initialize({ startOnLoad: false, theme: isDark() ? 'dark' : 'default' });
  for (const diagram of diagrams) {
    const figure = document.createElement('pre');
    figure.className = 'mermaid';
    figure.textContent = diagram.source;
    diagram.place.replaceWith(figure);
    diagram.place = figure;
  }
  await mermaid.run();
}

if (diagrams.length > 0) {
  const script = document.createElement('script');
  script.src = 'https://cdn.jsdelivr.net/npm/mermaid@12.3.0/dist/mermaid.min.js';
  script.integrity = 'sha384-HHW54r639fK42Ip0coGF3mz8oSiGn0eEoWNTLs75X7H63pLSDBa0Tqs0RwGmLlXE';
  script.crossOrigin = 'anonymous';
  script.onload = () => {
    let [drawn, wasDark] = [draw(), isDark()];
    const again = new MutationObserver(() => {
      if (isDark() !== wasDark) [drawn, wasDark] = [drawn.then(draw), isDark()];
    });
    again.observe(document.documentElement, { attributeFilter: ['class'] });
  };
  document.head.append(script);
}
