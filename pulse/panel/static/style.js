// The look of <training-panel>. A host page changes it through the custom properties of :host, and through ::part().

const CSS = `
:host {
  --tp-font: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  --tp-background: #f6f7f9; --tp-surface: #ffffff; --tp-text: #1c2128; --tp-muted: #59636e; --tp-border: #d8dee4;
  --tp-track: #e6eaef; --tp-error: #c41e3a; --tp-stalled: #9a5b00; --tp-unreadable: #7d4e9e; --tp-running: #0b62c4;
  --tp-idle: #59636e; --tp-done: #1a7f37; --tp-tint: 9%;
  color-scheme: light; display: block; container-type: inline-size; color: var(--tp-text);
  font: 15px/1.45 var(--tp-font);
}
@media (prefers-color-scheme: dark) { :host(:not([theme="light"])) { DARK } }
:host([theme="dark"]) { DARK }
[hidden] { display: none !important; }
h2, h3, p, ul, dl, dd { margin: 0; padding: 0; }
ul { list-style: none; }
.spoken { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); }
.banner { position: sticky; inset-block-start: 0; z-index: 1; margin-block-end: 12px; padding: 10px 14px; border-radius: 8px;
  background: var(--tp-text); color: var(--tp-surface); font-weight: 600; }
.notes { margin-block-end: 12px; color: var(--tp-muted); font-size: 13px; overflow-wrap: anywhere; }
.empty { padding: 48px 16px; text-align: center; color: var(--tp-muted); border: 1px dashed var(--tp-border);
  border-radius: 10px; }
.band { margin-block-end: 22px; }
h2 { margin-block-end: 8px; font-size: 12px; font-weight: 650; letter-spacing: .04em; text-transform: uppercase;
  color: var(--tp-muted); }
.count { font-weight: 400; }
.row { --state: var(--tp-idle); display: grid; gap: 2px 24px; align-items: center; margin-block-end: 8px;
  grid-template: "head progress curve updated" auto "why why why why" auto "message message message more" auto
    / minmax(150px, 1.15fr) minmax(190px, 1.6fr) 230px 185px;
  padding: 11px 16px; background: var(--tp-surface); border: 1px solid var(--tp-border);
  border-inline-start: 4px solid var(--state); border-radius: 10px; }
.row[data-state="error"] { --state: var(--tp-error); }
.row[data-state="stalled"] { --state: var(--tp-stalled); }
.row[data-state="unreadable"] { --state: var(--tp-unreadable); }
.row[data-state="running"] { --state: var(--tp-running); }
.row[data-state="done"] { --state: var(--tp-done); }
.head { grid-area: head; display: flex; flex-wrap: wrap; gap: 4px 10px; align-items: center; min-inline-size: 0; }
.name { font-size: 15px; font-weight: 620; overflow-wrap: anywhere; }
.badge { display: inline-flex; gap: 5px; align-items: center; padding: 1px 9px 1px 8px; border-radius: 99px;
  font-size: 12.5px; font-weight: 620; white-space: nowrap; color: var(--state);
  background: color-mix(in srgb, var(--state) var(--tp-tint), transparent); }
.glyph { display: inline-block; min-inline-size: 1em; text-align: center; font-size: 11px; }
.progress { grid-area: progress; min-inline-size: 0; }
.numbers { display: flex; flex-wrap: wrap; gap: 0 12px; align-items: baseline; font-variant-numeric: tabular-nums; }
.percent { font-weight: 650; }
.percent:empty { display: none; }
.epochs, .eta, .updated { color: var(--tp-muted); font-size: 13px; }
.eta { margin-inline-start: auto; }
.bar { block-size: 7px; margin-block-start: 4px; overflow: hidden; border-radius: 4px; background: var(--tp-track); }
.bar[data-unknown] { background: repeating-linear-gradient(-45deg, var(--tp-track) 0 6px, transparent 6px 12px); }
.fill { block-size: 100%; border-radius: 4px; background: var(--state); transition: inline-size .4s ease-out; }
.curve { grid-area: curve; display: flex; gap: 12px; align-items: center; justify-content: flex-end; }
.loss { font-size: 13px; font-variant-numeric: tabular-nums; white-space: nowrap; }
.spark { inline-size: 116px; block-size: 30px; flex: none; }
.spark[data-empty] { visibility: hidden; }
.line { fill: none; stroke: var(--state); stroke-width: 1.6; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.updated { grid-area: updated; text-align: end; font-variant-numeric: tabular-nums; white-space: nowrap; }
.why { grid-area: why; margin-block-start: 4px; color: var(--state); font-size: 13.5px; font-weight: 560; }
.message { grid-area: message; margin-block-start: 4px; font-size: 13.5px; color: var(--tp-muted); overflow-wrap: anywhere;
  white-space: pre-line; max-block-size: 4.4em; overflow: auto; }
.row:has(.more[open]) .message { max-block-size: none; }
.row[data-state="error"] .message { color: var(--tp-error); font-weight: 560; }
.more { grid-area: more; justify-self: end; font-size: 12.5px; color: var(--tp-muted); }
.more[open] { grid-area: auto / 1 / auto / -1; justify-self: stretch; margin-block-start: 8px; }
summary { cursor: pointer; border-radius: 4px; inline-size: fit-content; margin-inline-start: auto; }
summary:focus-visible { outline: 2px solid var(--tp-running); outline-offset: 2px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 14px; margin-block-start: 6px; }
dd { overflow-wrap: anywhere; color: var(--tp-text); }
.row[data-state="unreadable"] :is(.progress, .curve, .message), [data-stale] .row { opacity: .72; }
.panel[data-stale] .row { filter: grayscale(1); }
@container (max-width: 860px) {
  .row { grid-template: "head updated" auto "progress progress" auto "curve curve" auto "why why" auto
    "message more" auto / minmax(0, 1fr) auto; gap: 6px 12px; padding: 12px 14px; }
  .curve { justify-content: space-between; }
  .spark { inline-size: min(60%, 240px); }
  .spark[data-empty] { display: none; }
}
@container (max-width: 380px) {
  .row { grid-template: "head" auto "updated" auto "progress" auto "curve" auto "why" auto "message" auto "more" auto
    / minmax(0, 1fr); }
  .updated { text-align: start; }
  .more { margin-block-start: -1.6em; }
  .message { padding-inline-end: 64px; }
}
@media (prefers-reduced-motion: reduce) { .fill { transition: none; } }
@media (forced-colors: active) {
  .fill { background: Highlight; forced-color-adjust: none; }
  .badge { border: 1px solid; }
}
`

const DARK = `
  --tp-background: #12161c; --tp-surface: #1b2028; --tp-text: #e6e9ee; --tp-muted: #9aa5b1; --tp-border: #313842;
  --tp-track: #2c333d; --tp-error: #ff7b86; --tp-stalled: #f0b429; --tp-unreadable: #c9a0e8; --tp-running: #6cb2ff;
  --tp-idle: #9aa5b1; --tp-done: #4cc46b; --tp-tint: 16%; color-scheme: dark;
`

let sheet

/** Give a shadow root the look: one sheet for all panels, which no content security policy forbids. */
export function adopt (root) {
  if (sheet === undefined) {
    sheet = new CSSStyleSheet()
    sheet.replaceSync(CSS.replaceAll('DARK', DARK))
  }
  root.adoptedStyleSheets = [sheet]
}
