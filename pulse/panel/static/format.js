// How the panel says things: states, durations, numbers, the sparkline. Pure functions.

/** The states of a file, as pulse.liveness has them, worst first; each belongs to one of three bands. */
export const STATES = {
  unreadable: { band: 'attention', word: 'unreadable', past: 'was unreadable', glyph: '?' },
  error: { band: 'attention', word: 'error', past: 'error', glyph: '✕' },
  stalled: { band: 'attention', word: 'stalled', past: 'was stalled', glyph: '!' },
  running: { band: 'active', word: 'running', past: 'was running', glyph: '▶' },
  idle: { band: 'active', word: 'idle', past: 'was idle', glyph: '•' },
  done: { band: 'finished', word: 'done', past: 'done', glyph: '✓' }
}

export const BANDS = { attention: 'Needs attention', active: 'Active', finished: 'Finished' }

/** How many files have which state, worst first. */
export function countsOf (files) {
  const counts = Object.fromEntries(Object.keys(STATES).map(state => [state, 0]))
  for (const { state } of files) counts[state] += 1
  return counts
}

/** "1 error, 2 running"; "no files". */
export function summaryOf (counts) {
  const parts = Object.entries(counts).filter(([, count]) => count > 0)
  return parts.map(([state, count]) => `${count} ${STATES[state].word}`).join(', ') || 'no files'
}

/** The worst state that any file has; null where there is none. */
export function worstOf (counts) {
  return Object.keys(STATES).find(state => counts[state] > 0) ?? null
}

const UNITS = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]]

/** Seconds in words of at most two units: "12 s", "3 min 5 s", "2 d 4 h". */
export function duration (seconds) {
  const whole = Math.max(0, Math.floor(seconds))
  const at = UNITS.findIndex(([, size]) => whole >= size)
  if (at === -1 || at === UNITS.length - 1) return `${whole} s`
  const [[unit, size], [smallerUnit, smaller]] = UNITS.slice(at)
  const rest = Math.floor((whole % size) / smaller)
  const first = Math.floor(whole / size)
  return rest === 0 ? `${first} ${unit}` : `${first} ${unit} ${rest} ${smallerUnit}`
}

/** Seconds that are not known to the second: ten minutes and more have none. */
export function estimate (seconds) {
  return duration(seconds < 600 ? seconds : Math.round(seconds / 60) * 60)
}

/** A number as people compare it: four significant digits, and no more zeros than needed. */
export function number (value) {
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2).replace('e+', 'e')
  return String(Number(value.toPrecision(Math.max(4, Math.trunc(Math.log10(size)) + 1))))
}

export function percent (value) {
  return `${(Math.floor(value * 10) / 10).toFixed(1)} %` // 99.96 is not yet 100.0
}

/** "2.5 of 3 epochs". */
export function epochs ({ epoch, total_epochs: total }) {
  return total > 0 ? `epoch ${number(epoch)} of ${number(total)}` : `epoch ${number(epoch)}`
}

/** The time of day of a moment in milliseconds since 1970, in the viewer's own way. */
export function clockTime (milliseconds) {
  return new Date(milliseconds).toLocaleTimeString()
}

/** Date and time of a timestamp in seconds; those that no date can have stay numbers. */
export function dateTime (seconds) {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toLocaleString()
}

/** The `d` of an SVG path through points of [seconds, loss], in a box of the given size; '' for fewer than two. */
export function sparkline (points, width, height) {
  if (points.length < 2) return ''
  const [start, end] = [points[0][0], points.at(-1)[0]]
  const losses = points.map(([, loss]) => loss)
  // Halved, because the difference of two finite numbers may be infinite.
  const [least, most] = [Math.min(...losses) / 2, Math.max(...losses) / 2]
  const x = seconds => end > start ? (seconds - start) / (end - start) * width : width
  const y = loss => most > least ? (most - loss / 2) / (most - least) * height : height / 2
  return points.map(([seconds, loss], at) => `${at === 0 ? 'M' : 'L'}${x(seconds).toFixed(1)} ${y(loss).toFixed(1)}`).join('')
}

/** Whether a status says a loss: until points show that there was another, 0 stands for none, as in the format. */
export function hasLoss (status, points) {
  return status !== null && status.status !== 'idle' && (status.loss !== 0 || points.length > 0)
}

/** The points after a status that differs from the one before (null for the first), as pulse.panel.samples has them. */
export function withLoss (points, seconds, before, status) {
  const isNext = before !== null && before.status !== 'running' && status.status === 'running' // run in the same file
  const kept = isNext ? [] : points
  return hasLoss(status, kept) ? withSample(kept, [seconds, status.loss]) : kept
}

const MOST_POINTS = 240

/** Points with one more, and thinned out when there are too many: the oldest and the latest stay. */
export function withSample (points, sample) {
  const more = points.at(-1)?.[0] === sample[0] ? [...points.slice(0, -1), sample] : [...points, sample]
  return more.length <= MOST_POINTS ? more : more.filter((_, at) => at % 2 === 0 || at === more.length - 1)
}
