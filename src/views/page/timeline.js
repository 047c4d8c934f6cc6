// SPDX-License-Identifier: Apache-2.0
// Rate by distance, same-CPU ratio and latency over time, on one axis.
'use strict';

function drawTime() {
  const section = byId('time');
  const time = report.intervals;
  if (!time || time.list.length < 3) return remove('time');
  const step = time.interval_ns / 1e9;
  const points = time.list.map((interval, i) => {
    const known = sum(distances.slice(0, 5).map((d) => interval.hops[d]));
    const seconds = interval.seconds || step;
    return {
      at: i * step, end: i * step + seconds, requests: interval.requests,
      rates: distances.map((d) => interval.hops[d] / seconds),
      rate: interval.requests / seconds,
      same: known ? interval.hops.same_cpu / known : null,
      p50: interval.total.count ? interval.total.p50_ns : null,
      p99: interval.total.count ? interval.total.p99_ns : null,
    };
  });
  const present = distances.filter((d, k) => points.some((point) => point.rates[k] > 0));
  section.querySelector('.note').textContent =
    `Each step is ${durationText(time.interval_ns)}. The three panels share one axis.`;
  const end = points[points.length - 1].end;
  const latencies = points.flatMap((p) => [p.p50, p.p99]).filter((value) => value > 0);
  chart(section.querySelector('.chart'), (width) => {
    const left = 58;
    const right = width - 10;
    const x = (seconds) => left + (right - left) * seconds / end;
    const panels = [{y: 22, h: 120}, {y: 186, h: 84}, {y: 314, h: 110}];
    const height = 452;
    const parts = [];
    const title = (panel, text) => parts.push(make('text', {x: left, y: panel.y - 8, class: 'strong'}, text));
    const level = (y, text) => {
      parts.push(make('line', {class: 'grid', x1: left, x2: right, y1: y, y2: y}));
      parts.push(make('text', {x: left - 6, y: y + 4, 'text-anchor': 'end'}, text));
    };
    // A line of steps that stops where there is no value.
    const steps = (get, y) => {
      let path = '';
      let pen = false;
      for (const point of points) {
        const value = get(point);
        if (value === null) { pen = false; continue; }
        path += `${pen ? 'L' : 'M'}${x(point.at).toFixed(1)} ${y(value).toFixed(1)}L${x(point.end).toFixed(1)} ${y(value).toFixed(1)}`;
        pen = true;
      }
      return path;
    };
    const line = (path, style) => parts.push(make('path', {class: 'line', d: path, style: `fill:none;stroke-width:1.7;${style}`}));

    title(panels[0], 'requests/s, by distance');
    const most = Math.max(...points.map((p) => p.rate));
    const rateTop = ticks(most, 4);
    const rateMax = Math.max(most, rateTop[rateTop.length - 1]);
    const yRate = (value) => panels[0].y + panels[0].h * (1 - value / rateMax);
    rateTop.forEach((value) => level(yRate(value), shortNumber(value)));
    const below = points.map(() => 0);
    distances.forEach((distance, k) => {
      if (!present.includes(distance)) return;
      let up = '';
      let down = '';
      points.forEach((point, i) => {
        const from = yRate(below[i]).toFixed(1);
        below[i] += point.rates[k];
        const to = yRate(below[i]).toFixed(1);
        const [a, b] = [x(point.at).toFixed(1), x(point.end).toFixed(1)];
        up += `${up ? 'L' : 'M'}${a} ${to}L${b} ${to}`;
        down = `L${b} ${from}L${a} ${from}${down}`;
      });
      parts.push(make('path', {class: 'area', d: `${up}${down}Z`, style: `fill:${distanceColor(distance)};fill-opacity:.8`}));
    });

    title(panels[1], 'served on the client’s CPU');
    const ySame = (value) => panels[1].y + panels[1].h * (1 - value);
    [0, 0.5, 1].forEach((value) => level(ySame(value), `${100 * value} %`));
    line(steps((p) => p.same, ySame), 'stroke:var(--d0)');

    if (latencies.length) {
      title(panels[2], width < 420 ? 'total latency: p50, p99 (dashed)'
                                   : 'total latency: median, and 99th percentile (dashed)');
      const low = Math.min(...latencies);
      const high = Math.max(...latencies, low * 2);
      const a = Math.log10(low / 1.15);
      const b = Math.log10(high * 1.15);
      const yTime = (ns) => panels[2].y + panels[2].h * (1 - (Math.log10(ns) - a) / (b - a));
      const marks = [];
      for (let e = Math.floor(a); e <= Math.ceil(b); ++e) {
        for (const f of b - a > 2 ? [1] : [1, 2, 5]) marks.push(f * 10 ** e);
      }
      marks.filter((m) => Math.log10(m) >= a && Math.log10(m) <= b).forEach((m) => level(yTime(m), tickText(m)));
      line(steps((p) => p.p50, yTime), 'stroke:var(--ink)');
      line(steps((p) => p.p99, yTime), 'stroke:var(--bad);stroke-dasharray:4 3');
    }

    for (const value of ticks(end, Math.max(2, Math.floor(width / 110)))) {
      parts.push(make('text', {x: x(value), y: height - 8, 'text-anchor': 'middle'}, `${+value.toFixed(3)} s`));
    }
    for (const panel of panels) {
      parts.push(make('rect', {class: 'frame', x: left, y: panel.y, width: right - left, height: panel.h}));
    }
    const cursor = make('line', {class: 'cursor', y1: panels[0].y, y2: panels[2].y + panels[2].h, visibility: 'hidden'});
    const hover = make('rect', {x: left, y: 0, width: right - left, height, fill: 'transparent'});
    hover.addEventListener('pointermove', (event) => {
      const box = hover.ownerSVGElement.getBoundingClientRect();
      const seconds = ((event.clientX - box.left) * width / box.width - left) / (right - left) * end;
      const point = points[Math.min(points.length - 1, Math.max(0, Math.floor(seconds / step)))];
      cursor.setAttribute('x1', x((point.at + point.end) / 2));
      cursor.setAttribute('x2', x((point.at + point.end) / 2));
      cursor.setAttribute('visibility', 'visible');
      showTip(event, `${+point.at.toFixed(3)} s: ${Math.round(point.rate)} requests/s\n` +
        `same CPU ${point.same === null ? '-' : `${(100 * point.same).toFixed(1)} %`}\n` +
        `p50 ${durationText(point.p50)}, p99 ${durationText(point.p99)}`);
    });
    hover.addEventListener('pointerleave', () => { hideTip(); cursor.setAttribute('visibility', 'hidden'); });
    parts.push(cursor, hover);
    return [legend(present.map((d) => [distanceColor(d), distanceText[d]])),
            picture(width, height, 'Rate, same-CPU ratio and latency over time', ...parts)];
  });
}
