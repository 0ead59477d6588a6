/*
 * Runs in the page of a report: values under the pointer, and a page that renews itself while its
 * run goes on. A page of a file may not read files, but it may show itself in a frame: the new
 * version sends its content from there.
 */
'use strict';
(() => {
  const update = '?update=';

  if (window !== window.parent) {
    if (location.search.startsWith(update)) {
      const content = document.querySelector('main').outerHTML;
      window.parent.postMessage({ menetReport: content, title: document.title }, '*');
    }
    return;
  }

  // Values under the pointer

  const tip = document.getElementById('tip');
  const marks = [];

  function hideTip() {
    tip.hidden = true;
    for (const mark of marks.splice(0)) mark.remove();
  }

  function element(name, attributes, text) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text ?? '';
    return made;
  }

  /** Shows rows of [class of the key, name, value] beside a point of the screen. */
  function showTip(title, rows, x, y) {
    const table = element('table', {});
    for (const [key, name, value] of rows) {
      const row = element('tr', {});
      const head = element('th', { scope: 'row' });
      if (key) head.append(element('span', { class: `key ${key}` }));
      head.append(name);
      row.append(head, element('td', {}, value));
      table.append(row);
    }
    tip.replaceChildren(element('b', {}, title), table);
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    const left = x + 16 + width < innerWidth ? x + 16 : x - 16 - width;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, Math.min(y - height / 2, innerHeight - height - 4))}px`;
  }

  function mark(svg, name, attributes) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    svg.append(made);
    marks.push(made);
  }

  const numbers = (text) => text.split(' ').map(Number);

  /** The point of a line that is nearest to `x`, in the drawing's units. */
  function nearestPoint(line, x) {
    const places = line
      .getAttribute('points')
      .split(' ')
      .map((at) => at.split(',').map(Number));
    let best = 0;
    places.forEach((place, i) => {
      if (Math.abs(place[0] - x) < Math.abs(places[best][0] - x)) best = i;
    });
    const { name, x: epochs, y: values } = line.dataset;
    const epoch = numbers(epochs)[best];
    return {
      name,
      epoch,
      value: values.split(' ')[best],
      place: places[best],
      key: line.classList,
    };
  }

  /** Values of a chart's lines nearest to `x`, in the drawing's units. */
  function readChart(svg, x) {
    hideTip();
    const points = [...svg.querySelectorAll('polyline')].map((line) => nearestPoint(line, x));
    if (points.length === 0) return;
    const nearest = points.reduce((a, b) =>
      Math.abs(b.place[0] - x) < Math.abs(a.place[0] - x) ? b : a,
    );
    const box = svg.viewBox.baseVal;
    const [at] = nearest.place;
    const [top, bottom] = [12, box.height - 28];
    mark(svg, 'line', { class: 'cursor', x1: at, x2: at, y1: top, y2: bottom });
    for (const { place, key } of points.filter(({ place: [, y] }) => y >= top && y <= bottom))
      mark(svg, 'circle', { class: `${key[0]} cursor`, cx: place[0], cy: place[1], r: 4 });
    svg.dataset.cursor = at;
    const screen = svg.getBoundingClientRect();
    const scale = screen.width / box.width;
    const unit = svg.dataset.unit ?? '';
    const rows = points.map(({ key, name, value }) => [key.value, name, value + unit]);
    showTip(
      `epoch ${nearest.epoch}`,
      rows,
      screen.left + at * scale,
      screen.top + screen.height / 2,
    );
  }

  /** The images of a cell of the confusion matrix. */
  function readMatrix(svg, column, row, event) {
    hideTip();
    const names = JSON.parse(svg.dataset.names);
    const key = `${row} ${column} `;
    const cell = svg.dataset.cells.split(',').find((text) => text.startsWith(key));
    mark(svg, 'rect', { class: 'cursor', x: column, y: row, width: 1, height: 1 });
    const rows = [
      ['', 'true', names[row]],
      ['', 'taken for', names[column]],
    ];
    const title = `${cell ? cell.slice(key.length) : 0} images`;
    showTip(title, rows, event.clientX, event.clientY);
  }

  function follow(event) {
    const svg = event.target.closest?.('svg[id]');
    if (!svg) return hideTip();
    const screen = svg.getBoundingClientRect();
    const box = svg.viewBox.baseVal;
    const x = ((event.clientX - screen.left) / screen.width) * box.width;
    const y = ((event.clientY - screen.top) / screen.height) * box.height;
    if (svg.id !== 'matrix') return readChart(svg, x);
    const inside = (at) => Math.max(0, Math.min(box.width - 1, Math.floor(at)));
    readMatrix(svg, inside(x), inside(y), event);
  }

  document.addEventListener('pointermove', follow);
  document.addEventListener('pointerdown', follow);
  document.addEventListener('scroll', hideTip, { passive: true });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') return hideTip();
    const svg = document.activeElement;
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!direction || !svg.matches('svg.plot')) return;
    event.preventDefault();
    const lines = [...svg.querySelectorAll('polyline:not(.faint)')];
    const line = lines[0] ?? svg.querySelector('polyline');
    const places = line
      .getAttribute('points')
      .split(' ')
      .map((at) => Number(at.split(',')[0]));
    const from = Number(svg.dataset.cursor ?? -Infinity);
    const next =
      direction > 0
        ? places.find((at) => at > from + 0.05)
        : places.findLast((at) => at < from - 0.05);
    readChart(svg, next ?? (direction > 0 ? places.at(-1) : places[0]));
  });

  // Renewal

  const every = 4000; // ms
  const silence = 120; // seconds without news after which a run may have died
  const main = () => document.querySelector('main');
  if (!main().dataset.written) return;
  let frame;

  /** As the page's writer says it: `2026-11-23 23:08:36`, of this place. */
  function localTime(time) {
    const shifted = new Date(time.getTime() - 60_000 * time.getTimezoneOffset());
    return shifted.toISOString().slice(0, 19).replace('T', ' ');
  }

  function say() {
    const { state, written } = main().dataset;
    const age = Math.round((Date.now() - Date.parse(written)) / 1000);
    const at = localTime(new Date(written));
    const line = document.getElementById('freshness');
    if (state !== 'running') line.textContent = `This run is over. Written ${at}.`;
    else if (age > silence) line.textContent = `No news since ${at}: the run may have been ended.`;
    else line.textContent = `The run goes on; this page renews itself. Written ${age} s ago.`;
  }

  /** Takes over the sections that have changed; what is open stays open. */
  function renew(content, title) {
    const next = new DOMParser().parseFromString(content, 'text/html').querySelector('main');
    document.title = title;
    Object.assign(main().dataset, next.dataset);
    const focused = document.activeElement?.id;
    for (const section of next.querySelectorAll('section')) {
      const old = document.getElementById(section.id);
      for (const details of old?.querySelectorAll('details[open]') ?? [])
        section.querySelector(`#${details.id}`)?.setAttribute('open', '');
      if (!old) main().append(section);
      else if (old.innerHTML !== section.innerHTML) {
        hideTip();
        old.replaceWith(section);
      }
    }
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  function ask() {
    say();
    if (main().dataset.state !== 'running') return;
    frame?.remove();
    frame = element('iframe', { hidden: '', title: 'renewal' });
    frame.src = `${location.pathname}${update}${Date.now()}`;
    document.body.append(frame);
    setTimeout(ask, every);
  }

  window.addEventListener('message', (event) => {
    if (event.source !== frame?.contentWindow || !event.data.menetReport) return;
    frame.remove();
    renew(event.data.menetReport, event.data.title);
    say();
  });
  setTimeout(ask, every);
  say();
})();
