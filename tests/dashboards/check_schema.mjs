// SPDX-License-Identifier: Apache-2.0
// Checks dashboards against the types that Grafana publishes:
//   node check_schema.mjs DASHBOARD.json…
// The dashboard, the options and custom field settings of each panel by its type, and
// each query are given to the TypeScript compiler as literals, so that it refuses keys
// that Grafana does not know as well as values that do not fit. The packages are
// installed into the user's cache once (npm ci). Exit status 77: they cannot be had.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const wanted = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8')).devDependencies;
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'fusetrace',
  `grafana-schema-${wanted['@grafana/schema']}`);

function install() {
  const installed = join(cache, 'node_modules', '@grafana', 'schema', 'package.json');
  if (existsSync(installed)) return;
  mkdirSync(cache, { recursive: true });
  for (const file of ['package.json', 'package-lock.json']) {
    copyFileSync(join(here, file), join(cache, file));
  }
  try {
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'],
      { cwd: cache, stdio: ['ignore', 'ignore', 'pipe'], timeout: 120000 });
  } catch (error) {
    console.log(`skipped: npm cannot install Grafana's types: ${error.stderr || error}`);
    process.exit(77);
  }
}

// Grafana's own names of string enums are for programs; in JSON their values stand.
function stringsForEnums(text) {
  return text.replace(/export declare enum (\w+) \{([^}]*)\}/g, (whole, name, members) => {
    const values = [...members.matchAll(/=\s*("[^"]*")/g)].map((match) => match[1]);
    return values.length ? `export type ${name} = ${values.join(' | ')};` : whole;
  });
}

// One statement for each part that has a type.
function programFor(dashboard, file) {
  const lines = [
    `import type { Dashboard } from './node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen';`,
    `import type { Dataquery } from './node_modules/@grafana/grafana-foundation-sdk/dist/prometheus/types.gen';`,
    `type Query = Omit<Dataquery, '_implementsDataqueryVariant'>;`,
  ];
  const where = [];
  const check = (type, value, what) => {
    where[lines.length] = what;
    lines.push(`({}) as any as void; (${JSON.stringify(value)}) satisfies ${type};`);
  };
  check('Dashboard', dashboard, file);
  const types = new Set();
  for (const panel of dashboard.panels) {
    if (panel.type === 'row') continue;
    const what = `${file}: panel ${panel.id} "${panel.title}"`;
    if (!types.has(panel.type)) {
      types.add(panel.type);
      where[lines.length] = `${what}: no such panel type`;
      lines.push(`import type * as ${panel.type} from './node_modules/@grafana/schema/dist/types/raw/composable/${panel.type}/panelcfg/x/types.gen';`);
    }
    // What an option left out means, each panel type says by itself.
    check(`Partial<${panel.type}.Options>`, panel.options ?? {}, `${what}: options`);
    check(`Partial<${panel.type}.FieldConfig>`, panel.fieldConfig?.defaults?.custom ?? {},
      `${what}: custom field settings`);
    for (const target of panel.targets ?? []) check('Query', target, `${what}: query`);
    const unit = panel.fieldConfig?.defaults?.unit;
    if (!unit || !panel.description) {
      console.log(`${what}: no ${unit ? 'description' : 'unit'}`);
      process.exitCode = 1;
    }
  }
  return { text: lines.join('\n') + '\n', where };
}

install();
const ts = createRequire(join(cache, 'package.json'))('typescript');
const options = {
  strict: true, noEmit: true, skipLibCheck: true, types: [],
  target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
};
const files = process.argv.slice(2);
if (!files.length) {
  console.error('usage: check_schema.mjs DASHBOARD.json…');
  process.exit(2);
}
for (const file of files) {
  const main = join(cache, 'dashboard.ts');
  const { text, where } = programFor(JSON.parse(readFileSync(file, 'utf8')), basename(file));
  const host = ts.createCompilerHost(options);
  const read = host.readFile;
  host.fileExists = (path) => path === main || ts.sys.fileExists(path);
  host.readFile = (path) => (path === main ? text : read(path));
  host.getSourceFile = (path, language) => {
    const source = host.readFile(path);
    if (source === undefined) return undefined;
    return ts.createSourceFile(path, path.includes('@grafana') ? stringsForEnums(source) : source,
      language);
  };
  const program = ts.createProgram([main], options, host);
  for (const problem of ts.getPreEmitDiagnostics(program)) {
    const message = ts.flattenDiagnosticMessageText(problem.messageText, '\n  ');
    const line = problem.file?.fileName === main
      ? problem.file.getLineAndCharacterOfPosition(problem.start).line : -1;
    console.log(`${where[line] ?? problem.file?.fileName ?? file}: ${message}`);
    process.exitCode = 1;
  }
  if (!process.exitCode) console.log(`${basename(file)} fits @grafana/schema ${wanted['@grafana/schema']}`);
}
