// The page around the panel: its title, its icon, and what outlives a reload.

import { percent } from './format.js'
import './training-panel.js'

const COLOURS = { error: '#c41e3a', stalled: '#b36b00', unreadable: '#7d4e9e', running: '#0b62c4', idle: '#59636e', done: '#1a7f37' }
// Shapes as well as colours: not everyone can see the difference between red and green.
const SHAPES = {
  error: 'M10 10l12 12M22 10l-12 12',
  stalled: 'M16 8v10M16 23v.5',
  unreadable: 'M12 12a4 4 0 1 1 5 4q-1 .5-1 3M16 23v.5',
  running: 'M13 10l8 6-8 6z',
  idle: 'M11 16h10',
  done: 'M9 17l5 5 9-11'
}
const MODES = { connecting: 'connecting', live: 'live', polling: 'polling', lost: 'connection lost' }
const KEPT = 'pulse-panel-state'

const panel = document.querySelector('training-panel')
const summary = document.getElementById('summary')
const connection = document.getElementById('connection')
const icon = document.querySelector('link[rel=icon]')

function iconOf (state) {
  const shape = `<path d="${SHAPES[state] ?? SHAPES.idle}" fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round" stroke-linejoin="round"/>`
  const disc = `<circle cx="16" cy="16" r="15" fill="${COLOURS[state] ?? COLOURS.idle}"/>`
  return `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${disc}${shape}</svg>`)}`
}

function titleOf ({ lost, files, summary }) {
  if (lost) return `⚠ connection lost · was: ${summary}`
  if (files.length !== 1) return `${summary} · pulse`
  const [file] = files
  const known = file.status !== null && file.status.total_epochs > 0
  return `${known ? `${percent(file.progress)} ` : ''}${summary.replace(/^1 /, '')} · ${file.name}`
}

panel.addEventListener('statechange', ({ detail }) => {
  const text = detail.files.length === 0 ? 'Training runs' : detail.summary
  if (summary.textContent !== text) summary.textContent = text
  document.title = titleOf(detail)
  const address = iconOf(detail.lost ? null : detail.worst)
  if (icon.href !== address) icon.href = address
  connection.dataset.mode = detail.lost ? 'lost' : detail.mode
  connection.textContent = MODES[connection.dataset.mode]
})

// After a reload the page shows what it showed, until there is something newer.
try {
  panel.restore(JSON.parse(sessionStorage.getItem(KEPT)))
} catch {}
addEventListener('pagehide', () => {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(panel.state))
  } catch {} // no storage, or too little: then a reload starts empty
})

// A reload while the server is away shows the panel all the same; see sw.js.
navigator.serviceWorker?.register('/sw.js').catch(() => {})
