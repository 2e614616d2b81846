// A heatmap of the buckets of a histogram over time, in the colors and on the axis that the panel asks for.
import { getValueFormat, formattedValueToString } from '@grafana/data';
import { useEffect, useRef } from 'react';

const MARGIN = { left: 64, right: 8, top: 8, bottom: 24 };

// Each bucket without those below it, lowest first.
function buckets(panel) {
  const bound = (series) => (series.metric.le === '+Inf' ? Infinity : Number(series.metric.le));
  const sorted = panel.targets.flatMap((target) => target.answer).sort((one, other) => bound(one) - bound(other));
  const below = new Map();
  return sorted.map((series) => ({
    bound: bound(series),
    cells: series.values.map(([time, value]) => {
      const count = Number(value) - (below.get(time) ?? 0);
      below.set(time, Number(value));
      return { time, count };
    }),
  }));
}

export function Heatmap({ panel, range, theme, width, height }) {
  const canvas = useRef(null);
  useEffect(() => {
    const rows = buckets(panel).filter((row) => row.bound !== Infinity || row.cells.some((cell) => cell.count > 0));
    const context = canvas.current.getContext('2d');
    const [plotWidth, plotHeight] = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
    const across = (time) => MARGIN.left + ((time - range.from) / (range.to - range.from)) * plotWidth;
    const row = plotHeight / rows.length;
    const { filterValues, color, cellGap } = panel.options;
    const most = Math.max(...rows.flatMap((row) => row.cells.map((cell) => cell.count)));
    context.save();
    context.beginPath();
    context.rect(MARGIN.left, MARGIN.top, plotWidth, plotHeight);
    context.clip();
    rows.forEach(({ cells }, place) => {
      for (const { time, count } of cells.filter((cell) => cell.count > filterValues.le)) {
        const share = (count / most) ** color.exponent;
        context.fillStyle = `hsl(${40 - 28 * share} 95% ${85 - 55 * share}%)`;
        const top = MARGIN.top + plotHeight - (place + 1) * row;
        context.fillRect(across(time - range.step), top, across(range.step) - across(0) - cellGap, row - cellGap);
      }
    });
    context.restore();
    context.fillStyle = theme.colors.text.primary;
    context.font = `12px ${theme.typography.fontFamily}`;
    context.textBaseline = 'middle';
    context.textAlign = 'right';
    const format = getValueFormat(panel.options.yAxis.unit);
    rows.forEach(({ bound }, place) => {
      if (place % 3 !== 0) return;
      const text = bound === Infinity ? '+Inf' : formattedValueToString(format(bound));
      context.fillText(text, MARGIN.left - 8, MARGIN.top + plotHeight - (place + 1) * row);
    });
    context.textAlign = 'center';
    for (let time = Math.ceil(range.from / 120) * 120; time < range.to; time += 120) {
      context.fillText(new Date(time * 1000).toISOString().slice(11, 16), across(time), height - MARGIN.bottom / 2);
    }
  });
  return <canvas ref={canvas} width={width} height={height} />;
}
