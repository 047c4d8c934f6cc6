// SPDX-License-Identifier: Apache-2.0
// What every chart of the page uses: the data, numbers as text, SVG elements,
// scales, the tip that follows the pointer.
'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const report = data.report;
const distances = ['same_cpu', 'same_core', 'same_llc', 'same_node', 'cross_node', 'unknown'];
const distanceText = {
  same_cpu: 'same CPU', same_core: 'same core', same_llc: 'same LLC', same_node: 'same node',
  cross_node: 'other node', unknown: 'unknown',
};
const distanceColor = (name) => `var(--d${distances.indexOf(name)})`;

const byId = (id) => document.getElementById(id);

// An element; in(name, attributes, children…), text by strings.
function make(name, attributes, ...children) {
  const svg = make.svg.has(name);
  const element = svg ? document.createElementNS('http://www.w3.org/2000/svg', name)
                      : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
make.svg = new Set(['svg', 'g', 'path', 'rect', 'line', 'text', 'title', 'circle']);

// Three significant digits in the unit that fits.
function durationText(ns) {
  if (ns === null || ns === undefined) return '-';
  if (ns < 1000) return `${Math.round(ns)} ns`;
  for (const [size, unit] of [[1e3, 'µs'], [1e6, 'ms'], [1e9, 's']]) {
    const value = ns / size;
    if (value >= 999.5 && unit !== 's') continue;
    return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${unit}`;
  }
  return '';
}
// 0 and 100 only when it is none and all of them.
function shareText(part, whole) {
  if (!whole) return '-';
  const percent = 100 * part / whole;
  if (part !== 0 && percent < 0.05) return '<0.1 %';
  if (part !== whole && percent >= 99.95) return '>99.9 %';
  return `${percent.toFixed(1)} %`;
}
function bytesText(bytes) {
  let value = bytes;
  for (const unit of ['B', 'KiB', 'MiB', 'GiB', 'TiB']) {
    if (value < 1023.95 || unit === 'TiB') return `${unit === 'B' ? value : value.toFixed(1)} ${unit}`;
    value /= 1024;
  }
  return '';
}
// For axes: 20k, 1.5M.
function shortNumber(value) {
  for (const [size, unit] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
    if (value >= size) return `${+(value / size).toPrecision(3)}${unit}`;
  }
  return `${+value.toPrecision(3)}`;
}
const sum = (list) => list.reduce((a, b) => a + b, 0);
const values = (object) => Object.values(object);

// Ticks at 1, 2 or 5 times a power of ten, at most count of them.
function ticks(max, count) {
  if (!(max > 0)) return [0];
  const rough = max / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough);
  const out = [];
  for (let value = 0; value <= max * 1.0001; value += step) out.push(value);
  return out;
}

// A logarithmic scale of durations with a tick at each power of ten.
function logScale(low, high, from, to) {
  const a = Math.log10(low);
  const span = Math.max(Math.log10(high) - a, 1e-9);
  const at = (ns) => from + (to - from) * (Math.log10(Math.max(ns, low)) - a) / span;
  const list = [];
  for (let e = Math.ceil(a - 1e-9); e <= Math.log10(high) + 1e-9; ++e) list.push(10 ** e);
  if (list.length < 2) list.push(low, high);
  at.ticks = list;
  return at;
}
const tickText = (ns) => durationText(ns).replace(/\.0+ /, ' ');

const tip = byId('tip');
function showTip(event, text) {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const x = Math.min(event.clientX + 14, window.innerWidth - box.width - 8);
  const y = event.clientY + 18 + box.height > window.innerHeight ? event.clientY - box.height - 10
                                                                 : event.clientY + 18;
  tip.style.left = `${Math.max(8, x)}px`;
  tip.style.top = `${Math.max(8, y)}px`;
}
const hideTip = () => { tip.hidden = true; };
function withTip(element, text) {
  element.addEventListener('pointermove', (event) => showTip(event, text()));
  element.addEventListener('pointerleave', hideTip);
  return element;
}

// Draws now, whenever the width changes, and at the width of paper for printing
// (a wider drawing would be scaled down there, and its text with it): draw(width)
// returns the children.
const paperWidth = 690;
function chart(holder, draw) {
  let drawn = 0;
  const redraw = (width) => {
    if (width < 40 || width === drawn) return;
    drawn = width;
    holder.replaceChildren(...[].concat(draw(width)));
  };
  const onScreen = () => redraw(Math.round(holder.getBoundingClientRect().width));
  new ResizeObserver(onScreen).observe(holder);
  window.addEventListener('beforeprint', () => redraw(holder.closest('.pair') ? paperWidth / 2 - 12 : paperWidth));
  window.addEventListener('afterprint', onScreen);
  onScreen();
}
function picture(width, height, label, ...children) {
  return make('svg', {viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label}, ...children);
}
function legend(items) {
  return make('div', {class: 'legend'}, ...items.map(([color, text]) =>
    make('span', {}, make('i', {style: `background:${color}`}), text)));
}
function remove(id) { byId(id).remove(); }
