import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Html, html } from './html.js';

function asset(name: string): string {
  return readFileSync(new URL(`./${name}`, import.meta.url), 'utf8');
}

let assets: { style: Html; script: Html; policy: string } | undefined;

/** Style and script of every page; the policy lets nothing else run, and nothing be fetched. */
function loadAssets() {
  if (assets) return assets;
  const style = ['report.css', 'classes.css'].map(asset).join('\n');
  const script = asset('client.js');
  const hash = createHash('sha256').update(script).digest('base64');
  const policy =
    `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; ` +
    `frame-src 'self' file:; base-uri 'none'; form-action 'none'`;
  assets = {
    style: new Html(`<style>${style}</style>`),
    script: new Html(`<script>${script}</script>`),
    policy,
  };
  return assets;
}

/** A self-contained page: works from a file, without a server and without requests. */
export function page(title: string, body: Html): string {
  const { style, script, policy } = loadAssets();
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <title>${title}</title>
        ${style}
      </head>
      <body>
        ${body}
        <div id="tip" role="status" hidden></div>
        ${script}
      </body>
    </html> `.text;
}
