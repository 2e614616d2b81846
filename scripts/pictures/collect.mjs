// Runs the example on memory and on Redis under its own traffic, with a Prometheus that scrapes both, lets Redis hang once
// and die once, and writes down what the queries of every panel answer. Everything listens on loopback and ends with this.
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const SCRAPE_SECONDS = 5;
const STEP_SECONDS = 5;

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'pictures-'));
const running = new Set();

function start(program, args, env = {}) {
  const child = spawn(program, args, { cwd: folder, stdio: 'ignore', env: { ...process.env, ...env } });
  running.add(child);
  child.on('error', (error) => fail(`${program} does not start: ${error.message}`));
  child.on('exit', () => running.delete(child));
  return child;
}

function stop() {
  for (const child of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

function fail(reason) {
  console.error(`error: ${reason}`);
  stop();
  process.exit(1);
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function ask(prometheus, path, parameters) {
  const answer = await fetch(`${prometheus}/api/v1/${path}`, { method: 'POST', body: new URLSearchParams(parameters) });
  const { status, data, error } = await answer.json();
  if (status !== 'success') fail(`${error}: ${parameters.query}`);
  return data.result;
}

// Everything is chosen that there is of the job, and the interval is the one that Grafana takes for such scrapes.
const fill = (query) =>
  query
    .replaceAll('$__rate_interval', `${4 * SCRAPE_SECONDS}s`)
    .replaceAll('"$job"', '"gofr-cache"')
    .replaceAll(/"\$\w+"/g, '".+"');

export async function collect(seconds, target) {
  process.on('SIGINT', () => fail('interrupted'));
  const [redisPort, exporter, memory, onRedis, web] = await Promise.all(Array.from({ length: 5 }, freePort));
  const redisArgs = ['--port', redisPort, '--bind', '127.0.0.1', '--save', '', '--maxmemory', '64mb'];
  redisArgs.push('--maxmemory-policy', 'allkeys-lru');
  let redis = start('redis-server', redisArgs);
  const redisUrl = `redis://127.0.0.1:${redisPort}`;
  const exporterProgram = process.env.REDIS_EXPORTER ?? 'prometheus-redis-exporter';
  start(exporterProgram, [`--redis.addr=${redisUrl}`, `--web.listen-address=127.0.0.1:${exporter}`]);
  const example = join(root, process.env.CARGO_TARGET_DIR ?? 'target', 'debug/using-cache');
  const traffic = ['--rate', '120', '--ttl', '20s', '--seed', '7'];
  writeFileSync(join(folder, 'cache.toml'), '[caches.searches]\nmemory.max_items = 0\nmemory.max_bytes = "64KiB"\n');
  start(example, ['--listen', `127.0.0.1:${memory}`, '--config', 'cache.toml', '--max-items', '300', ...traffic]);
  start(example, ['--listen', `127.0.0.1:${onRedis}`, '--redis-url', redisUrl, ...traffic]);

  const prometheusFolder = join(root, 'deploy/prometheus');
  for (const part of ['prometheus.yml', 'rules']) cpSync(join(prometheusFolder, part), join(folder, part), { recursive: true });
  for (const part of ['targets', 'alerting']) mkdirSync(join(folder, part));
  const targets = (name, ports) =>
    writeFileSync(join(folder, name), JSON.stringify([{ targets: ports.map((port) => `127.0.0.1:${port}`) }]));
  targets('targets/gofr-cache.json', [memory, onRedis]);
  targets('targets/redis.json', [exporter]);
  writeFileSync(join(folder, 'alerting/alertmanager.json'), '[]');
  const prometheus = `http://127.0.0.1:${web}`;
  start('prometheus', ['--config.file=prometheus.yml', '--storage.tsdb.path=data', `--web.listen-address=127.0.0.1:${web}`]);

  const from = Date.now() / 1000;
  const until = (share) => sleep(Math.max(0, (from + share * seconds) * 1000 - Date.now()));
  await until(0.4);
  redis.kill('SIGSTOP');
  await until(0.43);
  redis.kill('SIGCONT');
  await until(0.6);
  redis.kill('SIGKILL');
  await until(0.72);
  redis = start('redis-server', redisArgs);
  await until(1);

  const to = Date.now() / 1000;
  const answers = {};
  for (const file of readdirSync(join(root, 'dashboards')).filter((name) => name.endsWith('.json'))) {
    const { panels } = JSON.parse(readFileSync(join(root, 'dashboards', file), 'utf8'));
    for (const { expr, instant } of panels.flatMap((panel) => panel.targets ?? [])) {
      const query = fill(expr);
      const range = { query, start: from + 30, end: to, step: STEP_SECONDS };
      answers[expr] = instant ? await ask(prometheus, 'query', { query, time: to }) : await ask(prometheus, 'query_range', range);
    }
  }
  stop();
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, 'data.json'), JSON.stringify({ from: from + 30, to, step: STEP_SECONDS, answers }));
}

const [seconds, target] = process.argv.slice(2);
await collect(Number(seconds), target);
