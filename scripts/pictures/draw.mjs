// Draws each dashboard of the collected data into a picture.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const [target, pictures] = process.argv.slice(2);
const { answers, ...range } = JSON.parse(readFileSync(join(target, 'data.json'), 'utf8'));
await build({
  entryPoints: [join(import.meta.dirname, 'page.jsx')],
  outfile: join(target, 'page.js'),
  bundle: true,
  jsx: 'automatic',
  minify: true,
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  loader: { '.svg': 'text', '.png': 'dataurl', '.ttf': 'empty' },
  logLevel: 'error',
});
mkdirSync(pictures, { recursive: true });
const folder = join(import.meta.dirname, '../../dashboards');
for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
  const name = file.replace('.json', '');
  const dashboard = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  for (const target of dashboard.panels.flatMap((panel) => panel.targets ?? [])) {
    target.answer = answers[target.expr];
    if (!target.answer) throw new Error(`nothing was collected for ${target.expr}; collect anew`);
  }
  const page = join(target, `${name}.html`);
  const data = JSON.stringify({ dashboard, ...range }).replaceAll('<', '\\u003c');
  writeFileSync(page, `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="page.css"><div id="page"></div><script>window.picture = ${data}</script><script src="page.js"></script>`);
  const bottom = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const chromium = process.env.CHROMIUM ?? 'chromium';
  execFileSync(chromium, ['--headless', '--no-sandbox', '--hide-scrollbars', '--virtual-time-budget=20000', `--window-size=1600,${48 + bottom * 38 + 8}`, `--screenshot=${join(pictures, `${name}.png`)}`, page], { stdio: process.env.VERBOSE ? 'inherit' : 'ignore' });
}
