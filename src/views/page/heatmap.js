// SPDX-License-Identifier: Apache-2.0
// CPU by CPU heat maps.
'use strict';

// matrix: {labels, groups: [[first cell, name]…], counts: [[…]]}; rows are from.
function drawMatrix(id, matrix, fromName, toName) {
  const figure = byId(id);
  const total = matrix ? sum(matrix.counts.map(sum)) : 0;
  if (!total) return figure.remove();
  const max = Math.max(...matrix.counts.map((row) => Math.max(...row)));
  const n = matrix.labels.length;
  chart(figure.querySelector('.chart'), (width) => {
    const labelWidth = 14 + 7 * Math.max(...matrix.labels.map((label) => label.length));
    const left = labelWidth + 4;
    const cell = Math.min((width - left - 2) / n, n < 4 ? 96 : 64);
    const top = 20;
    const parts = [];
    const every = Math.ceil((labelWidth + 4) / cell);
    const everyRow = Math.ceil(14 / cell);
    matrix.labels.forEach((label, i) => {
      const middle = (i + 0.5) * cell;
      if (i % every === 0 && left + middle + labelWidth / 2 <= width) {
        parts.push(make('text', {x: left + middle, y: top - 6, 'text-anchor': 'middle'}, label));
      }
      if (i % everyRow === 0) {
        parts.push(make('text', {x: left - 6, y: top + middle + 4, 'text-anchor': 'end'}, label));
      }
    });
    matrix.counts.forEach((row, i) => row.forEach((count, j) => {
      // The square root: lightness follows the count, and rare pairs still show.
      const level = count === 0 ? 0 : 6 + 94 * Math.sqrt(count / max);
      const gap = cell > 8 ? 1 : 0;
      const box = make('rect', {
        class: 'cell', x: left + j * cell, y: top + i * cell, width: cell - gap, height: cell - gap,
        style: `fill:color-mix(in oklab, var(--heat-high) ${level.toFixed(1)}%, var(--heat-low))`,
      });
      parts.push(withTip(box, () =>
        `${fromName} on CPU ${matrix.labels[i]}, ${toName} on CPU ${matrix.labels[j]}\n` +
        `${count} requests, ${shareText(count, total)}`));
      if (cell >= 44) {
        const ink = level > 55 ? 'var(--page)' : 'var(--ink)';
        parts.push(make('text', {
          x: left + (j + 0.5) * cell, y: top + (i + 0.5) * cell + 4, 'text-anchor': 'middle',
          style: `fill:${ink};pointer-events:none`,
        }, shareText(count, total).replace(' ', '')));
      }
    }));
    // Last-level caches or nodes, where there is more than one.
    matrix.groups.slice(1).forEach(([at]) => {
      const x = left + at * cell - 0.5;
      const y = top + at * cell - 0.5;
      parts.push(make('line', {class: 'boundary', x1: x, x2: x, y1: top, y2: top + n * cell}));
      parts.push(make('line', {class: 'boundary', x1: left, x2: left + n * cell, y1: y, y2: y}));
    });
    return [picture(width, top + n * cell + 2, `${fromName} CPU by ${toName} CPU, ${total} requests`,
                    ...parts),
            make('div', {class: 'scale'}, 'none', make('i'), `${shareText(max, total)} of requests`)];
  });
}

function drawMatrices() {
  drawMatrix('matrix-request', data.matrices.request, 'client', 'server');
  drawMatrix('matrix-reply', data.matrices.reply, 'replier', 'client');
  if (data.matrices.boundaries) {
    byId('matrix').append(make('p', {class: 'note'}, data.matrices.boundaries));
  }
  if (!byId('matrix').querySelector('figure')) remove('matrix');
}
