// Draws the panels of a dashboard with the components that Grafana draws them with. Heatmaps, which are not published as a
// component, and tables are drawn here from the same fields.
import { createDataFrame, createTheme, dateTime, FieldType, getDisplayProcessor, standardTransformers, standardTransformersRegistry, ThemeContext, transformDataFrame } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { BigValue, GlobalStyles, PanelChrome, TimeSeries } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { Heatmap } from './heatmap.jsx';

const WIDTH = 1600;
const GAP = 8;
const CELL = { width: (WIDTH - GAP) / 24, height: 30 + GAP };
const HEAD = 48;

const theme = createTheme({ colors: { mode: 'dark' } });
const { dashboard, from, to, step } = window.picture;

const fill = (legend, labels) => legend.replace(/{{\s*(\w+)\s*}}/g, (_, name) => labels[name] ?? '');

// Overrides of the panel are of the custom settings of series, chosen by the end of their names.
function overridden(panel, name) {
  const matches = ({ matcher }) => new RegExp(matcher.options.slice(1, -1)).test(name);
  const properties = panel.fieldConfig.overrides.filter(matches).flatMap((override) => override.properties);
  return Object.fromEntries(properties.map(({ id, value }) => [id.replace('custom.', ''), value]));
}

function dressed(field, panel, state) {
  const { defaults } = panel.fieldConfig;
  field.config = { ...defaults, ...field.config, custom: { ...defaults.custom, ...overridden(panel, state.displayName) } };
  field.state = state;
  field.display = getDisplayProcessor({ field, theme });
  return field;
}

// The series of a panel, one frame each, as the data source hands them to a panel.
function frames(panel) {
  const all = panel.targets.flatMap((target) => target.answer.map((series) => ({ target, series })));
  return all.map(({ target, series }, seriesIndex) => {
    const name = fill(target.legendFormat, series.metric);
    const frame = createDataFrame({
      refId: target.refId,
      fields: [
        { name: 'Time', type: FieldType.time, config: { interval: step * 1000 }, values: series.values.map(([time]) => time * 1000) },
        { name: 'Value', type: FieldType.number, labels: series.metric, config: { displayNameFromDS: name }, values: series.values.map(([, value]) => Number(value)) },
      ],
    });
    dressed(frame.fields[1], panel, { displayName: name, seriesIndex });
    return frame;
  });
}

const Nothing = () => <div style={{ padding: 16, color: theme.colors.text.secondary }}>No data</div>;

function Lines({ panel, frames, width, height }) {
  const timeRange = { from: dateTime(from * 1000), to: dateTime(to * 1000), raw: { from: 'now', to: 'now' } };
  return <TimeSeries frames={frames} width={width} height={height} timeRange={timeRange} timeZone="utc" legend={panel.options.legend} options={panel.options} />;
}

function Stat({ panel, frames, width, height }) {
  const [time, field] = frames[0].fields;
  const value = field.display(field.values.findLast((value) => value !== null));
  const range = { min: Math.min(...field.values), max: Math.max(...field.values) };
  const sparkline = { y: { ...field, state: { ...field.state, range } }, x: time };
  // Grafana, too, hands over the history only if it is to be drawn.
  const history = panel.options.graphMode === 'none' ? undefined : sparkline;
  return <BigValue theme={theme} width={width} height={height} value={value} colorMode={panel.options.colorMode} graphMode={panel.options.graphMode} sparkline={history} textMode="value" justifyMode={panel.options.justifyMode} />;
}

function useRows(panel) {
  const answers = panel.targets.flatMap((target) => target.answer);
  const labels = [...new Set(answers.flatMap((series) => Object.keys(series.metric)))].sort();
  const column = (name) => ({ name, type: FieldType.string, config: {}, values: answers.map((series) => series.metric[name] ?? '') });
  const value = { name: 'Value', type: FieldType.number, config: {}, values: answers.map((series) => Number(series.value[1])) };
  const time = { name: 'Time', type: FieldType.time, config: {}, values: answers.map((series) => series.value[0] * 1000) };
  return createDataFrame({ refId: 'A', fields: [time, ...labels.map(column), value] });
}

function Rows({ table, width }) {
  const cell = { borderBottom: `1px solid ${theme.colors.border.weak}`, padding: '4px 8px', textAlign: 'left' };
  return (
    <table style={{ width, borderCollapse: 'collapse', fontSize: 13 }}>
      <thead>
        <tr>{table.fields.map((field) => <th key={field.name} style={{ ...cell, color: theme.colors.text.secondary }}>{field.name}</th>)}</tr>
      </thead>
      <tbody>
        {Array.from({ length: table.length }, (_, row) => (
          <tr key={row}>{table.fields.map((field) => <td key={field.name} style={cell}>{field.values[row]}</td>)}</tr>
        ))}
      </tbody>
    </table>
  );
}

const KINDS = { timeseries: Lines, stat: Stat, heatmap: Heatmap, table: Rows };

function Place({ panel, table }) {
  const { x, y, w, h } = panel.gridPos;
  const place = { position: 'absolute', left: GAP + x * CELL.width, top: HEAD + y * CELL.height };
  const [width, height] = [w * CELL.width - GAP, h * CELL.height - GAP];
  if (panel.type === 'row') return <div style={{ ...place, ...theme.typography.h5, lineHeight: `${height}px` }}>⌄ {panel.title}</div>;
  const series = panel.type === 'table' ? table.fields : frames(panel);
  const Kind = series.length > 0 ? KINDS[panel.type] : Nothing;
  return (
    <div style={{ ...place, width, height }}>
      <PanelChrome title={panel.title} description={panel.description} width={width} height={height}>
        {(width, height) => <Kind panel={panel} table={table} frames={series} range={{ from, to, step }} theme={theme} width={width} height={height} />}
      </PanelChrome>
    </div>
  );
}

function Head() {
  const chosen = dashboard.templating.list.map((variable) => `${variable.label}: ${variable.type === 'datasource' ? 'Prometheus' : 'All'}`);
  return (
    <div style={{ padding: '12px 16px', display: 'flex', gap: 24, alignItems: 'baseline' }}>
      <span style={theme.typography.h4}>{dashboard.title}</span>
      {chosen.map((text) => <span key={text} style={{ color: theme.colors.text.secondary }}>{text}</span>)}
    </div>
  );
}

async function draw() {
  await initPluginTranslations('grafana-ui');
  const transformers = new Map(Object.values(standardTransformers).map((one) => [one.id, { id: one.id, name: one.name, transformation: async () => one }]));
  standardTransformersRegistry.setInit(() => [...transformers.values()]);
  const tables = new Map();
  for (const panel of dashboard.panels.filter((panel) => panel.type === 'table')) {
    const transformed = await new Promise((resolve) => transformDataFrame(panel.transformations, [useRows(panel)]).subscribe(resolve));
    tables.set(panel.id, transformed[0]);
  }
  document.body.style.cssText = `margin: 0; background: ${theme.colors.background.canvas}; color: ${theme.colors.text.primary}; font-family: ${theme.typography.fontFamily}; font-size: 14px`;
  createRoot(document.getElementById('page')).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <Head />
      {dashboard.panels.map((panel) => <Place key={panel.id} panel={panel} table={tables.get(panel.id)} />)}
    </ThemeContext.Provider>
  );
}

draw();
