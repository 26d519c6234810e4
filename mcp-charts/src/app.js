'use strict';
(() => {
  const box = document.getElementById('chart');
  const tip = document.getElementById('tip');
  let tips = [];
  let at = -1;

  const hide = () => {
    tip.hidden = true;
    tips.forEach((rect) => rect.classList.remove('at'));
  };

  const show = (index, x, y) => {
    hide();
    at = index;
    const rect = tips[index];
    rect.classList.add('at');
    tip.textContent = rect.dataset.tip;
    tip.hidden = false;
    const place = rect.getBoundingClientRect();
    const left = (x ?? place.right) + 14;
    const top = (y ?? place.top) + 14;
    const { offsetWidth: width, offsetHeight: height } = tip;
    tip.style.left = `${left + width > innerWidth ? Math.max(0, left - width - 28) : left}px`;
    tip.style.top = `${Math.max(0, Math.min(top, innerHeight - height))}px`;
  };

  const resized = () => {
    if (parent === window) return;
    const { width, height } = document.documentElement.getBoundingClientRect();
    parent.postMessage({ jsonrpc: '2.0', method: 'ui/notifications/size-changed', params: { width, height } }, '*');
  };

  // Only what a chart is made of is taken over from a document, and no attribute that could act.
  const shapes = new Set(['svg', 'title', 'rect', 'path', 'circle', 'text', 'g']);
  const clean = (element) => {
    for (const child of [...element.children]) clean(child);
    for (const { name } of [...element.attributes]) {
      if (/^on|href|^style$/i.test(name)) element.removeAttribute(name);
    }
    if (!shapes.has(element.localName)) element.remove();
    return element;
  };

  const wire = () => {
    tips = [...box.querySelectorAll('.tip')];
    tips.forEach((rect, index) => {
      const title = rect.querySelector('title');
      rect.dataset.tip = title ? title.textContent : '';
      if (title) title.remove();
      rect.addEventListener('pointermove', (event) => show(index, event.clientX, event.clientY));
      rect.addEventListener('pointerleave', hide);
    });
    box.querySelectorAll('.name').forEach((name) => {
      name.addEventListener('click', () => {
        const off = name.classList.toggle('off');
        box.querySelectorAll(`.g${Number(name.dataset.g)}`).forEach((part) => part.classList.toggle('hidden', off));
      });
    });
  };

  const draw = (svg) => {
    const parsed = new DOMParser().parseFromString(svg, 'image/svg+xml');
    if (parsed.documentElement.localName !== 'svg') return say('The chart cannot be read.');
    box.replaceChildren(document.importNode(clean(parsed.documentElement), true));
    wire();
    resized();
  };

  const say = (text) => {
    const line = document.createElement('p');
    line.textContent = text;
    box.replaceChildren(line);
    resized();
  };

  box.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === 'Escape') hide();
    if (!step || !tips.length) return;
    event.preventDefault();
    show(Math.max(0, Math.min(tips.length - 1, at + step)));
  });

  if (box.firstElementChild) wire();
  if (parent === window) {
    if (!box.firstElementChild) say('There is no chart to show.');
    return;
  }

  // The host speaks JSON-RPC over postMessage (MCP Apps, revision 2026-01-26).
  const waiting = new Map();
  let last = 0;
  let tool;
  let input = {};
  const send = (message) => parent.postMessage({ jsonrpc: '2.0', ...message }, '*');
  const ask = (method, params) =>
    new Promise((resolve, reject) => {
      last += 1;
      waiting.set(last, { resolve, reject });
      send({ id: last, method, params });
    });
  const context = (host) => {
    if (host?.theme) document.documentElement.dataset.theme = host.theme;
    tool = host?.toolInfo?.tool?.name ?? tool;
  };
  const chartIn = (result) => {
    for (const { type, resource } of result?.content ?? []) {
      if (type === 'resource' && resource?.mimeType === 'image/svg+xml' && resource.text) return resource.text;
    }
    return null;
  };
  const result = async (given) => {
    let svg = chartIn(given);
    if (!svg && !given?.isError && tool) {
      const again = { name: tool, arguments: { ...input, chart: 'svg' } };
      svg = chartIn(await ask('tools/call', again).catch(() => null));
    }
    if (svg) draw(svg);
    else say(given?.isError ? 'The tool answered with an error.' : 'There is no chart of this answer.');
  };
  addEventListener('message', ({ source, data }) => {
    if (source !== parent || data?.jsonrpc !== '2.0') return;
    const { id, method, params } = data;
    if (method === 'ui/notifications/tool-input') input = params?.arguments ?? {};
    else if (method === 'ui/notifications/tool-result') result(params);
    else if (method === 'ui/notifications/host-context-changed') context(params);
    else if (method && id !== undefined) send({ id, result: {} });
    else if (waiting.has(id)) {
      const { resolve, reject } = waiting.get(id);
      waiting.delete(id);
      if (data.error) reject(data.error);
      else resolve(data.result);
    }
  });
  const appInfo = { name: 'chart', version: '1' };
  ask('ui/initialize', { protocolVersion: '2026-01-26', appInfo, appCapabilities: {} })
    .then((answer) => {
      context(answer?.hostContext);
      send({ method: 'ui/notifications/initialized' });
    })
    .catch(() => {});
})();
