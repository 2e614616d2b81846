// Draws each dashboard of the collected data into a picture.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const [target, pictures] = process.argv.slice(2);
const { dashboards, ...range } = JSON.parse(readFileSync(join(target, 'data.json'), 'utf8'));
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
for (const { file, dashboard } of dashboards) {
  const name = file.replace('.json', '');
  const page = join(target, `${name}.html`);
  const data = JSON.stringify({ dashboard, ...range }).replaceAll('<', '\\u003c');
  writeFileSync(page, `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="page.css"><div id="page"></div><script>window.picture = ${data}</script><script src="page.js"></script>`);
  const bottom = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const chromium = process.env.CHROMIUM ?? 'chromium';
  execFileSync(chromium, ['--headless', '--no-sandbox', '--hide-scrollbars', '--virtual-time-budget=20000', `--window-size=1600,${48 + bottom * 38 + 8}`, `--screenshot=${join(pictures, `${name}.png`)}`, page], { stdio: process.env.VERBOSE ? 'inherit' : 'ignore' });
}
