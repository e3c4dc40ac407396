import { formatBytes, formatCount, formatMs } from './format.ts';
import type { PackageReport, PackageSummary } from './package-catalogue.ts';
import type { AnswerOrigin } from './read-through.ts';

const ORIGIN_TEXT: Readonly<Record<AnswerOrigin, string>> = {
  cache: 'from the cache',
  load: 'from the disk, and now cached',
  unstored: 'from the disk',
  shared: 'from the disk, walked for another request',
  bypass: 'from the disk, as you asked',
  outage: 'from the disk, since the cache is down',
};

const STYLE = `
  :root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 14%, transparent); --accent: #2563eb }
  @media (prefers-color-scheme: dark) { :root { --accent: #7aa7ff } }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2.5rem auto; padding: 0 1.25rem }
  h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1rem; margin: 2rem 0 .5rem }
  a { color: var(--accent); text-decoration: none } a:hover { text-decoration: underline }
  .origin { display: inline-block; margin: .75rem 0 1.5rem; padding: .2rem .75rem; border-radius: 1rem; border: 1px solid var(--line) }
  .cache { background: color-mix(in srgb, #16a34a 18%, transparent) }
  table { border-collapse: collapse; width: 100% } td, th { padding: .3rem .75rem .3rem 0; text-align: left }
  tr { border-bottom: 1px solid var(--line) } th { font-weight: 600 }
  .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
  .bar { display: block; height: 4px; border-radius: 2px; background: var(--accent) }
  .names { columns: 19rem; list-style: none; padding: 0 } .names li { break-inside: avoid }
  .facts { width: auto } .facts th { padding-right: 3rem } footer { margin-top: 2.5rem; opacity: .7 }
`;

/** All packages, the largest first, with where the list came from. */
export function inventoryPage(packages: readonly PackageSummary[], origin: AnswerOrigin, durationMs: number): string {
  const largest = Math.max(1, ...packages.map(({ sizeInBytes }) => sizeInBytes));
  const total = packages.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, 0);
  const rows = packages.map(({ name, versions, fileCount, sizeInBytes }) => {
    const share = ((100 * sizeInBytes) / largest).toFixed(2);
    return `<tr><td>${link(name)}<td>${escapeHtml(versions.map(({ version }) => version).join(', '))}
      <td>${escapeHtml(licencesOf(versions))}<td class="number">${formatCount(fileCount)}
      <td class="number">${formatBytes(sizeInBytes)}<td style="width:8rem"><span class="bar" style="width:${share}%"></span>`;
  });
  const title = `${formatCount(packages.length)} packages, ${formatBytes(total)}`;
  return page(
    title,
    originLine(origin, durationMs),
    `<table><tr><th>Package<th>Versions<th>Licence<th class="number">Files<th class="number">Size<th>${rows.join('')}</table>`,
  );
}

/** One package, and who needs it. */
export function packagePage(report: PackageReport, origin: AnswerOrigin, durationMs: number): string {
  const { name, versions, fileCount, sizeInBytes, directDependents, indirectDependents } = report;
  return page(
    name,
    originLine(origin, durationMs),
    `<table class="facts">
      <tr><th>Versions<td>${escapeHtml(versions.map(({ version }) => version).join(', '))}
      <tr><th>Licence<td>${escapeHtml(licencesOf(versions))}
      <tr><th>Files<td>${formatCount(fileCount)}
      <tr><th>Size<td>${formatBytes(sizeInBytes)}
    </table>
    ${dependentList('Needed directly by', directDependents)}
    ${dependentList('Needed indirectly by', indirectDependents)}
    <p><a href="/">All packages</a>`,
  );
}

function page(title: string, origin: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><style>${STYLE}</style><h1>${escapeHtml(title)}</h1>${origin}${body}
<footer>Reload and the answer comes from the cache; a hard reload (Ctrl+Shift+R) asks the disk.</footer></html>\n`;
}

function originLine(origin: AnswerOrigin, durationMs: number): string {
  return `<div class="origin ${origin}">${ORIGIN_TEXT[origin]} · ${formatMs(durationMs)} ms</div>`;
}

function dependentList(title: string, dependents: readonly string[]): string {
  if (dependents.length === 0) return `<h2>${title}: nobody</h2>`;
  const items = dependents.map((dependent) => `<li>${escapeHtml(dependent)}</li>`);
  return `<h2>${title} ${dependents.length}</h2><ul class="names">${items.join('')}</ul>`;
}

function link(name: string): string {
  return `<a href="/packages/${encodeURI(name)}">${escapeHtml(name)}</a>`;
}

function licencesOf(versions: PackageSummary['versions']): string {
  return [...new Set(versions.map(({ licence }) => licence))].join(', ');
}

/** Package files are other people's text. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
