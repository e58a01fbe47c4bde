// Where the panel's states come from: a server's stream or API, a status file behind a URL, or a function of the host.

import { withLoss } from './format.js'
import { StatusReader } from './status-reader.js'

const LONGEST_WAIT = 5000
const STREAM_AGAIN = 30000

/** Answers that asking again does not mend soon, and what to tell the user. */
const REASONS = { 401: 'A token is needed: open the address that pulse panel printed', 403: 'Access is refused' }

/**
 * Follows one source for as long as it runs, whatever happens to the connection.
 *
 * options: src (URL) or source (async function); interval and stalledAfter in seconds; token; label;
 * onState(state), onChanges(changes), onConnection({ mode, reason }), mode being connecting, live, polling or lost.
 */
export class Feed {
  #options
  #reader
  #stop = new AbortController()
  #wake = () => {}
  #interval
  #stream
  #failures = 0
  #noStreamUntil = 0
  #started = performance.now()
  #status = null
  #samples = []

  constructor (options) {
    this.#options = options
    this.#interval = options.interval
    this.#reader = new StatusReader({ stalledAfter: options.stalledAfter })
  }

  async run () {
    const { signal } = this.#stop
    const wake = () => this.#wake()
    const target = globalThis.document
    target?.addEventListener('visibilitychange', wake, { signal })
    globalThis.addEventListener?.('online', wake, { signal })
    while (!signal.aborted) {
      let pause = this.#interval * 1000
      try {
        const streamed = await this.#once(signal)
        this.#failures = 0
        if (streamed) pause = 200 + Math.random() * 300 // the server may be restarting, and others come back, too
      } catch (error) {
        if (signal.aborted) return
        this.#failures += 1
        this.#options.onConnection({ mode: 'lost', reason: error.message })
        pause = Math.min(LONGEST_WAIT, 500 * 2 ** Math.min(this.#failures, 8)) * (0.75 + Math.random() / 2)
      }
      await new Promise(resolve => {
        const timer = setTimeout(resolve, pause)
        this.#wake = () => { clearTimeout(timer); resolve() }
        signal.addEventListener('abort', this.#wake, { once: true })
      })
    }
  }

  stop () {
    this.#stop.abort()
  }

  // One answer of the source; true when it was a stream that has ended.
  async #once (signal) {
    const { src, source, onConnection } = this.#options
    if (source !== undefined) {
      await this.#ask(source)
      onConnection({ mode: 'polling' })
      return false
    }
    const response = await this.#get(src, signal)
    if (isStream(response)) return this.#follow(response)
    if (response.status === 404) this.#takeDocument(null, {})
    else await this.#take(await response.arrayBuffer(), response)
    if (this.#failures > 0) onConnection({ mode: 'polling' }) // the banner goes before a stream has come about
    const stream = this.#stream
    const now = performance.now()
    if (stream === undefined || now < this.#noStreamUntil || globalThis.document?.hidden) {
      onConnection({ mode: 'polling' })
      return false
    }
    // A hidden page polls: browsers allow few streams to one host, and many tabs would block each other.
    try {
      const streamed = await this.#get(new URL(stream, new URL(src, baseOf())), signal)
      if (!isStream(streamed)) throw new Error('not a stream')
      return await this.#follow(streamed)
    } catch (error) {
      if (signal.aborted || error.lost) throw error
      this.#noStreamUntil = performance.now() + STREAM_AGAIN
      onConnection({ mode: 'polling' })
      return false
    }
  }

  async #get (address, signal) {
    const { token } = this.#options
    const patience = new AbortController()
    const timer = setTimeout(() => patience.abort(new Error('No answer from the server')), quiet(this.#interval))
    const stop = () => patience.abort(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    try {
      const response = await fetch(address, {
        cache: 'no-store',
        credentials: 'same-origin',
        headers: token ? { Authorization: `Bearer ${token}` } : {},
        signal: patience.signal
      })
      if (!response.ok && response.status !== 404) {
        throw new Error(REASONS[response.status] ?? `The server answered with ${response.status}`)
      }
      response.abort = reason => patience.abort(reason)
      return response
    } catch (error) {
      if (patience.signal.aborted && !signal.aborted) throw patience.signal.reason
      throw error instanceof TypeError ? new Error('The server does not answer') : error
    } finally {
      clearTimeout(timer)
    }
  }

  // Read a stream of server-sent events until it ends, is silent for too long, or the page is hidden.
  async #follow (response) {
    const { onConnection, onChanges } = this.#options
    const reader = response.body.getReader()
    const decoder = new TextDecoder()
    let text = ''
    let timer
    const hide = () => { if (globalThis.document.hidden) reader.cancel() }
    globalThis.document?.addEventListener('visibilitychange', hide)
    try {
      while (true) {
        clearTimeout(timer)
        timer = setTimeout(() => response.abort(lost('The connection is silent')), quiet(this.#interval))
        const { done, value } = await reader.read()
        if (done) return true
        text += decoder.decode(value, { stream: true })
        const events = text.split('\n\n')
        text = events.pop()
        for (const event of events) {
          const { name, data } = decoded(event)
          if (name === 'state') this.#takeState(JSON.parse(data))
          if (name === 'changes') onChanges(JSON.parse(data))
        }
        if (events.length > 0) onConnection({ mode: 'live' })
      }
    } catch (error) {
      throw error.lost ? error : lost('The connection was cut')
    } finally {
      clearTimeout(timer)
      globalThis.document?.removeEventListener('visibilitychange', hide)
    }
  }

  // What a URL gave: the state of a panel's server, or a status file.
  async #take (bytes, response) {
    let value
    try {
      value = JSON.parse(new TextDecoder().decode(bytes))
    } catch {}
    if (Array.isArray(value?.files)) {
      this.#stream = value.stream
      this.#takeState(value)
      return
    }
    const modified = Date.parse(response.headers.get('last-modified') ?? '') / 1000
    this.#takeDocument(bytes, { modified: Number.isNaN(modified) ? null : modified })
  }

  #takeState (state) {
    if (state.interval > 0) this.#interval = state.interval
    this.#options.onState(state)
  }

  async #ask (source) {
    let value = null
    let detail
    try {
      value = await source()
    } catch (error) {
      detail = String(error?.message ?? error)
    }
    this.give(value, detail)
  }

  /** Take what a host program has: a document (text or bytes), a status, a state with files, or null for no file. */
  give (value, detail = 'no such file') {
    if (Array.isArray(value?.files)) this.#takeState(value)
    else this.#takeDocument(value, { detail })
  }

  #takeDocument (document, { modified = null, detail = 'no such file' }) {
    const { src, label, interval, stalledAfter, onState } = this.#options
    const known = this.#reader.accept(document, { modified, detail })
    const path = src === undefined ? label : String(new URL(src, baseOf()))
    const name = label || nameOf(path)
    const clock = (performance.now() - this.#started) / 1000
    const { status } = known
    if (status !== null && JSON.stringify(status) !== JSON.stringify(this.#status)) {
      this.#samples = withLoss(this.#samples, clock, this.#status, status)
      this.#status = status
    }
    const file = { path, name, ...known, rate: null, eta_seconds: null, order: 0, samples: this.#samples }
    onState({ clock, interval, stalled_after: stalledAfter, notes: [], files: [file] })
  }
}

function baseOf () {
  return globalThis.document?.baseURI
}

function nameOf (path) {
  const last = decodeURIComponent(new URL(path).pathname).split('/').filter(part => part !== '').at(-1) ?? path
  return last.replace(/\.json$/, '')
}

function isStream (response) {
  return response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
}

function lost (reason) {
  return Object.assign(new Error(reason), { lost: true })
}

// How long silence is normal, in milliseconds.
function quiet (interval) {
  return Math.max(10, 4 * interval) * 1000
}

function decoded (event) {
  const fields = { event: 'message', data: [] }
  for (const line of event.split('\n')) {
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line)
    if (field === 'data') fields.data.push(value)
    else if (field === 'event') fields.event = value
  }
  return { name: fields.event, data: fields.data.join('\n') }
}
