// <training-panel src="…">: training runs, live, as a custom element without dependencies.
//
// Attributes  src: an address of /api/status, of an event stream, or of a status file; interval and stalled-after in
//             seconds; label: the name of a single run; theme: light, dark, or auto (the default)
// Properties  source: an async function that gives a document, a status, or null; data: the same, handed over once;
//             token: sent as a bearer token; state: what is shown (read-only)
// Events      statechange: detail has counts, worst, summary, lost and files, whenever one of them may have changed
// Parts       panel, banner, row, badge; custom properties: see style.js

import { Feed } from './feed.js'
import { BANDS, STATES, clockTime, countsOf, duration, summaryOf, worstOf } from './format.js'
import { Row, element, setText } from './row.js'
import { adopt } from './style.js'

const RANKS = Object.keys(STATES)

export class TrainingPanel extends HTMLElement {
  static observedAttributes = ['src', 'interval', 'stalled-after', 'label']

  #rows = new Map()
  #state = null
  #received = 0
  #receivedAt = 0
  #connection = { mode: 'connecting' }
  #lostAt = null
  #source
  #data
  #token
  #feed = null
  #timer
  #queued = false
  #announced = ''
  #parts

  constructor () {
    super()
    const root = this.attachShadow({ mode: 'open' })
    adopt(root)
    const bands = Object.fromEntries(Object.keys(BANDS).map(band => {
      const count = element('span', { class: 'count' })
      const list = element('ul', { role: 'list' })
      const heading = element('h2', { id: `band-${band}` }, BANDS[band], ' ', count)
      const node = element('section', { class: 'band', 'aria-labelledby': `band-${band}` }, heading, list)
      node.hidden = true
      return [band, { node, list, count }]
    }))
    this.#parts = {
      banner: element('div', { class: 'banner', part: 'banner', role: 'alert' }),
      notes: element('ul', { class: 'notes', role: 'list' }),
      empty: element('p', { class: 'empty' }, 'Connecting…'),
      spoken: element('div', { class: 'spoken', role: 'status', 'aria-live': 'polite' }),
      bands
    }
    const { banner, notes, empty, spoken } = this.#parts
    banner.hidden = notes.hidden = true
    root.append(element('div', { class: 'panel', part: 'panel' },
      banner, notes, empty, ...Object.values(bands).map(({ node }) => node), spoken))
  }

  get source () { return this.#source }
  set source (source) { this.#source = source; this.#restart() }

  get token () { return this.#token }
  set token (token) { this.#token = token; this.#restart() }

  get data () { return this.#data }
  set data (data) {
    this.#data = data
    if (this.isConnected) this.#give()
  }

  /** What is shown, as in /api/status, and the moment at which it was received; null before the first. */
  get state () {
    if (this.#state === null) return null
    const files = [...this.#rows.values()].map(({ file, samples, order }) => ({ ...file, samples, order }))
    return { ...this.#state, files, received: this.#received }
  }

  /** Show a state that was kept, such as that from before a reload, until there is a newer one. */
  restore (state) {
    if (this.#state === null && Array.isArray(state?.files)) {
      this.#show(state)
      const age = Math.max(0, Date.now() - (state.received ?? Date.now()))
      this.#received -= age
      this.#receivedAt -= age
      this.#lostAt = this.#receivedAt
      this.#connect({ mode: 'lost', reason: 'Connecting' })
    }
  }

  connectedCallback () {
    // A property that was set before the element was defined hides the accessor.
    for (const name of ['source', 'data', 'token']) {
      if (Object.hasOwn(this, name)) {
        const value = this[name]
        delete this[name]
        this[name] = value
      }
    }
    this.#timer = setInterval(() => this.#tick(), 1000)
    this.#restart()
  }

  disconnectedCallback () {
    clearInterval(this.#timer)
    this.#feed?.stop()
    this.#feed = null
  }

  attributeChangedCallback (name, before, after) {
    if (before !== after) this.#restart()
  }

  // Once for all the attributes and properties that a framework sets one after the other.
  #restart () {
    if (!this.isConnected || this.#queued) return
    this.#queued = true
    queueMicrotask(() => {
      this.#queued = false
      this.#feed?.stop()
      this.#feed = null
      if (!this.isConnected) return
      const src = this.getAttribute('src') ?? undefined
      this.#feed = this.#newFeed(src)
      if (src !== undefined || this.#source !== undefined) this.#feed.run()
      if (this.#data !== undefined) this.#give()
    })
  }

  #newFeed (src) {
    const seconds = (name, usual) => {
      const value = Number(this.getAttribute(name) ?? usual)
      return value > 0 ? value : usual
    }
    const feed = new Feed({
      src,
      source: this.#source,
      token: this.#token,
      interval: seconds('interval', 2),
      stalledAfter: seconds('stalled-after', 60),
      label: this.getAttribute('label') ?? 'training',
      onState: state => { if (feed === this.#feed) this.#show(state) },
      onChanges: changes => { if (feed === this.#feed) this.#change(changes) },
      onConnection: connection => { if (feed === this.#feed) this.#connect(connection) }
    })
    return feed
  }

  #give () {
    this.#feed ??= this.#newFeed(undefined)
    this.#feed.give(this.#data)
    this.#connect({ mode: 'polling' })
  }

  // States -----------------------------------------------------------------------------------------------------------

  #show (state) {
    const paths = new Set(state.files.map(file => file.path))
    this.#state = { ...state, files: undefined }
    this.#apply({ ...state, gone: [...this.#rows.keys()].filter(path => !paths.has(path)) })
  }

  #change (changes) {
    if (this.#state === null) return
    this.#state = { ...this.#state, clock: changes.clock, notes: changes.notes }
    this.#apply(changes)
  }

  #apply ({ clock, files, gone, notes }) {
    this.#received = Date.now()
    this.#receivedAt = performance.now()
    const spoken = []
    for (const path of gone) {
      this.#rows.get(path)?.node.remove()
      this.#rows.delete(path)
    }
    for (const file of files) {
      const known = this.#rows.get(file.path)
      const row = known ?? new Row()
      const before = row.state
      this.#rows.set(file.path, row)
      row.order = file.order ?? row.order ?? this.#rows.size
      row.update(file, clock)
      if (known !== undefined && before !== row.state) spoken.push(`${file.name}: ${STATES[row.state].word}`)
    }
    if (spoken.length > 0) setText(this.#parts.spoken, spoken.slice(0, 5).join('. '))
    this.#arrange()
    this.#showNotes(notes ?? [])
    this.#tick()
  }

  // Worst first, and in the order of arrival where that is the same: a row moves only when its own state changes.
  #arrange () {
    const focused = this.shadowRoot.activeElement
    for (const [band, { node, list, count }] of Object.entries(this.#parts.bands)) {
      const rows = [...this.#rows.values()].filter(row => STATES[row.state].band === band)
      rows.sort((a, b) => RANKS.indexOf(a.state) - RANKS.indexOf(b.state) || a.order - b.order)
      rows.forEach((row, at) => {
        if (list.children[at] !== row.node) list.insertBefore(row.node, list.children[at] ?? null)
      })
      node.hidden = rows.length === 0
      setText(count, String(rows.length))
    }
    if (focused !== this.shadowRoot.activeElement) focused.focus({ preventScroll: true })
    const { empty } = this.#parts
    empty.hidden = this.#rows.size > 0
    if (this.#state !== null) setText(empty, 'No status file yet. Runs appear here by themselves.')
  }

  #showNotes (notes) {
    const list = this.#parts.notes
    list.hidden = notes.length === 0
    const shown = [...list.children].map(child => child.textContent)
    if (JSON.stringify(shown) !== JSON.stringify(notes)) {
      list.replaceChildren(...notes.map(note => element('li', {}, note)))
    }
  }

  // Time and connection ----------------------------------------------------------------------------------------------

  #connect (connection) {
    if (connection.mode === 'lost') this.#lostAt ??= performance.now()
    else this.#lostAt = null
    this.#connection = connection
    this.#tick()
  }

  #tick () {
    const passed = (performance.now() - this.#receivedAt) / 1000
    const interval = this.#state?.interval ?? 2
    const late = this.#state !== null && this.#connection.mode !== 'connecting' && this.#isFollowed &&
      passed > Math.max(10, 4 * interval)
    const lost = this.#connection.mode === 'lost'
    const stale = lost || late
    for (const row of this.#rows.values()) {
      row.tick((this.#state.clock ?? 0) + passed, stale, this.#state.stalled_after ?? 60)
    }
    this.classList.toggle('stale', stale)
    this.shadowRoot.firstElementChild.toggleAttribute('data-stale', stale)
    this.#showBanner(lost, late, passed)
    this.#announce(stale)
  }

  get #isFollowed () {
    return this.hasAttribute('src') || this.#source !== undefined
  }

  #showBanner (lost, late, passed) {
    const { banner } = this.#parts
    banner.hidden = !lost && !late
    if (banner.hidden) return
    const shown = this.#state === null ? '' : ` Shown: the state of ${clockTime(this.#received)}.`
    const text = lost
      ? `${this.#connection.reason}.${shown} Trying again by itself.`
      : `The server has not looked at the files since ${clockTime(this.#received)}: they may be on a disk that hangs.`
    setText(banner, text)
    banner.title = `for ${duration(lost ? (performance.now() - this.#lostAt) / 1000 : passed)}`
  }

  #announce (lost) {
    const files = [...this.#rows.values()].map(row => row.file)
    const counts = countsOf(files)
    const detail = { counts, worst: worstOf(counts), summary: summaryOf(counts), lost, mode: this.#connection.mode, files }
    const key = JSON.stringify([detail.summary, lost, detail.mode, files.map(file => [file.path, file.progress])])
    if (key === this.#announced) return
    this.#announced = key
    this.dispatchEvent(new CustomEvent('statechange', { detail, bubbles: true, composed: true }))
  }
}

if (!customElements.get('training-panel')) customElements.define('training-panel', TrainingPanel)
