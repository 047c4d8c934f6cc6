// SPDX-License-Identifier: Apache-2.0
// The parts of the page that are text, and the order in which all is drawn.
'use strict';

function drawHeader() {
  const command = (report.command || []).join(' ');
  document.title = `fusetrace: ${command || report.hostname || 'report'}`;
  const holder = byId('command');
  if (command) holder.append(make('code', {}, command)); else holder.remove();
  const when = data.started_unix_ns ? new Date(data.started_unix_ns / 1e6) : null;
  const facts = [
    ['Host', report.hostname], ['Kernel', [report.kernel, report.machine].filter(Boolean).join(' ')],
    ['CPUs', `${report.cpus}`],
    ['Started', when ? when.toISOString().replace('T', ' ').replace(/\.\d+Z/, ' UTC') : ''],
    ['Duration', report.seconds ? durationText(report.seconds * 1e9) : ''],
    ['Filters', (report.filters || []).join(' ')],
    ['Sampling', report.sample_n > 1 ? `1 request in ${report.sample_n}` : ''],
  ];
  byId('facts').append(...facts.filter(([, text]) => text).map(([name, text]) =>
    make('div', {}, make('dt', {}, name), make('dd', {}, text))));
}

function drawWarnings() {
  const listed = (object) => Object.entries(object).filter(([, n]) => n > 0).map(([k, n]) => `${k} ${n}`).join(', ');
  const warn = (text) => byId('warnings').append(make('p', {class: 'warning'}, text));
  if (data.truncation) warn(`The recording ends early: ${data.truncation}`);
  const lost = listed(report.lost);
  if (lost) warn(`Lost: ${lost}. Figures stand on the ${report.requests} requests that were recorded.`);
  const incomplete = listed(report.incomplete_by || {});
  if (incomplete) warn(`Not seen from beginning to end: ${incomplete}. These are counted and not timed.`);
}

function drawHeadline() {
  const tile = (name, value, more) => make('div', {class: 'tile'}, make('div', {class: 'name'}, name),
    make('div', {class: 'value'}, value), make('div', {class: 'more'}, more || ' '));
  const hop = (which) => {
    const counts = report.hops[which];
    const known = sum(values(counts)) - counts.unknown;
    return {counts, known, of: counts.unknown ? `of ${known} whose CPUs are known` : `of ${known}`};
  };
  const tiles = [tile('Requests', `${report.requests}`, [
    report.seconds ? `${Math.round(report.requests / report.seconds)} a second` : '',
    report.errors ? `${report.errors} with an error` : '',
  ].filter(Boolean).join(', '))];
  for (const which of ['request', 'reply']) {
    const {counts, known, of} = hop(which);
    if (!known) continue;
    tiles.push(tile(`Same CPU, ${which} hop`, shareText(counts.same_cpu, known), of));
    tiles.push(tile(`Same LLC, ${which} hop`,
                    shareText(counts.same_cpu + counts.same_core + counts.same_llc, known), of));
  }
  const migrations = sum(values(report.migrations));
  tiles.push(tile('Migrations a request', report.requests ? (migrations / report.requests).toFixed(3) : '-',
                  `${migrations} in all`));
  const total = report.stages.total;
  if (total.count) {
    tiles.push(tile('Median latency', durationText(total.p50_ns), `of ${total.count}`));
    tiles.push(tile('99th percentile', durationText(total.p99_ns), `longest ${durationText(total.max_ns)}`));
  }
  byId('headline').append(...tiles);
}

function drawFindings() {
  const list = report.findings || [];
  if (!list.length) return remove('findings');
  byId('findings').querySelector('ul').append(...list.map((text) => make('li', {}, text)));
}

function drawMethod() {
  const list = make('dl');
  const line = (name, text) => list.append(make('dt', {}, name), make('dd', {}, text));
  for (const [point, hook] of Object.entries(report.probes)) {
    line(point, hook === null ? `not seen: ${report.unknown[point]}` : hook);
  }
  line('quantiles', `from histograms, within ${(100 * report.quantile_error).toFixed(1)} % of the value; ` +
       'maxima and means are exact');
  line('made by', `fusetrace ${report.fusetrace_version || ''}`);
  byId('method').querySelector('div').append(list);
}

drawHeader();
drawWarnings();
drawHeadline();
drawFindings();
if (report.requests) {
  drawTime();
  drawHops();
  drawPickups();
  drawMatrices();
  drawLatency();
  drawStages();
  drawFlow();
  drawGroups();
} else {
  byId('headline').after(make('p', {}, 'No requests were recorded.'));
  for (const id of ['time', 'hops', 'pickup', 'matrix', 'latency', 'stages', 'flow', 'opcodes', 'connections', 'clients', 'servers']) {
    remove(id);
  }
}
drawMethod();
document.documentElement.dataset.drawn = 'yes';
