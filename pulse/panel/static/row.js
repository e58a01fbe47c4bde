// One row of the panel: a file, its state, its figures. Built once for each path, and then only updated.

import { STATES, dateTime, duration, epochs, estimate, hasLoss, number, percent, sparkline, withSample } from './format.js'

const SPARK = [120, 28]
const SVG = 'http://www.w3.org/2000/svg'

let rows = 0

/** An element with properties and children; `class` and `aria-*` are attributes. Text is only ever text. */
export function element (name, attributes = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

function svg (name, attributes, ...children) {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

/** Set the text of a node, but only when it changes: a screen reader and the layout notice every assignment. */
export function setText (node, text) {
  if (node.textContent !== text) node.textContent = text
}

function setHidden (node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden
}

export class Row {
  constructor () {
    const id = `row-${rows += 1}`
    this.name = element('h3', { class: 'name', id })
    this.glyph = element('span', { class: 'glyph', 'aria-hidden': 'true' })
    this.word = element('span', { class: 'word' })
    this.fill = element('div', { class: 'fill' })
    this.bar = element('div', { class: 'bar', role: 'progressbar', 'aria-labelledby': id }, this.fill)
    this.percent = element('span', { class: 'percent' })
    this.epochs = element('span', { class: 'epochs' })
    this.loss = element('span', { class: 'loss' })
    this.line = svg('path', { class: 'line' })
    this.spark = svg('svg', { class: 'spark', viewBox: `-2 -2 ${SPARK[0] + 4} ${SPARK[1] + 4}`, 'aria-hidden': 'true' },
      this.line)
    this.updated = element('span', { class: 'updated' })
    this.eta = element('span', { class: 'eta' })
    this.why = element('p', { class: 'why' })
    this.message = element('p', { class: 'message', dir: 'auto' })
    this.details = element('dl')
    this.node = element('li', { class: 'row', part: 'row' },
      element('div', { class: 'head' }, this.name,
        element('span', { class: 'badge', part: 'badge' }, this.glyph, this.word)),
      element('div', { class: 'progress' },
        element('div', { class: 'numbers' }, this.percent, this.epochs, this.eta), this.bar),
      element('div', { class: 'curve' }, this.loss, this.spark),
      this.updated, this.why, this.message,
      element('details', { class: 'more' }, element('summary', {}, 'Details'), this.details))
    this.samples = []
  }

  /** Take what a server or a reader knows of the file at a moment of its clock, in seconds. */
  update (file, clock) {
    if (file.samples !== undefined) this.samples = file.samples
    else if (file.sample) this.samples = withSample(this.samples, file.sample)
    this.file = file
    this.clock = clock
    this.state = file.state
    this.#show()
  }

  #show () {
    const { file } = this
    const { status } = file
    this.node.dataset.state = this.state
    setText(this.name, file.name)
    this.name.title = file.path
    setText(this.glyph, STATES[this.state].glyph)
    setText(this.percent, status !== null && status.total_epochs > 0 ? percent(file.progress) : '')
    setText(this.epochs, status !== null ? epochs(status) : '')
    setText(this.loss, hasLoss(status, this.samples) ? `loss ${number(status.loss)}` : '')
    this.#showBar()
    const path = sparkline(this.samples, ...SPARK)
    this.line.setAttribute('d', path)
    this.spark.toggleAttribute('data-empty', path === '')
    setText(this.message, status?.message ?? '')
    setHidden(this.message, !status?.message)
    this.#showDetails()
  }

  #showBar () {
    const { file: { status, progress }, bar, fill } = this
    const known = status !== null && status.total_epochs > 0
    fill.style.setProperty('inline-size', `${known ? progress : 0}%`)
    bar.toggleAttribute('data-unknown', !known)
    // Without a value, a progress bar counts as one whose progress is not known.
    if (known) {
      bar.setAttribute('aria-valuenow', String(Math.floor(progress)))
      bar.setAttribute('aria-valuetext', `${percent(progress)}, ${epochs(status)}`)
    } else {
      bar.removeAttribute('aria-valuenow')
      bar.setAttribute('aria-valuetext', status === null ? 'nothing known' : epochs(status))
    }
  }

  #showDetails () {
    const { file: { path, status, outcome, detail, evidence } } = this
    const entries = [['File', path]]
    if (status !== null) {
      entries.push(['Written', `${dateTime(status.timestamp)} by the writer's clock (${status.timestamp})`],
        ['Says', `${status.status}, epoch ${status.epoch} of ${status.total_epochs}, loss ${status.loss}`])
    }
    if (evidence) entries.push(['Age rests on', EVIDENCE[evidence] ?? evidence])
    if (outcome !== 'ok') entries.push(['Last read', `${outcome}: ${detail}`])
    const key = JSON.stringify(entries)
    if (key === this.detailsKey) return
    this.detailsKey = key
    this.details.replaceChildren(...entries.flatMap(([term, text]) => [element('dt', {}, term), element('dd', {}, text)]))
  }

  /** Let the clocks go on. now: by the clock of update(); lost: whether the connection is, so that this is the past. */
  tick (now, lost, stalledAfter) {
    const { file, state } = this
    const past = Math.max(0, now - this.clock)
    const unchanged = file.unchanged_seconds === null ? null : file.unchanged_seconds + past
    setText(this.word, lost ? STATES[state].past : STATES[state].word)
    setText(this.updated, unchanged === null ? '' : `last update ${duration(unchanged)} ago`)
    const left = file.eta_seconds === null || lost ? null : Math.max(0, file.eta_seconds - past)
    setText(this.eta, left === null ? '' : `about ${estimate(left)} left`)
    setText(this.why, this.#reason(unchanged, past, stalledAfter))
    setHidden(this.why, this.why.textContent === '')
  }

  #reason (unchanged, past, stalledAfter) {
    const { file, state } = this
    if (state === 'stalled') {
      return `No update for ${duration(unchanged)} (limit ${duration(stalledAfter)}). ` +
        'It may be dead, or only slow: the file still says running.'
    }
    if (state !== 'unreadable') return ''
    const since = `${WHAT[file.outcome] ?? 'The file is unreadable'}, for ${duration((file.unreadable_seconds ?? 0) + past)}.`
    return file.status === null ? since : `${since} Shown: its last valid status, ${file.status.status}.`
  }
}

const WHAT = {
  missing: 'There is no such file',
  invalid: 'The file holds no valid status',
  unreadable: 'The file cannot be read'
}

const EVIDENCE = {
  observed: 'a change that was seen here',
  timestamp: "the document's timestamp, for it has not changed since it was first read",
  modified: "the file's modification time, for it has not changed since it was first read"
}
