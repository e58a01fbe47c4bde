// node follow.mjs FILE [SECONDS]: print each change of a status file, until the run has ended.
// Exit code 0 after `done`, 1 after `error`, 2 for wrong arguments.
import { INTERVAL, follow, progress } from './status.mjs'

const STALLED_AFTER = 60 // seconds

const [file, word = `${INTERVAL / 1000}`, ...rest] = process.argv.slice(2)
const seconds = word.replace(/s$/, '')
if (file === undefined || rest.length > 0 || !(seconds > 0 && seconds < 1e6)) {
  console.error('usage: node follow.mjs FILE [SECONDS]')
  process.exit(2)
}

// What a document says must not control the terminal or change the direction of writing.
const visible = text => text.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, found => `\\u{${found.codePointAt().toString(16)}}`)
const options = { interval: seconds * 1000, log: text => console.warn(visible(text)) }

let shown = ''
let stalled = false
for await (const { status, unchangedSeconds } of follow(file, options)) {
  if (status === null) continue
  const { epoch, total_epochs: total, loss, message } = status
  const done = progress(status).toFixed(1)
  const line = `${status.status}  ${done} %  epoch ${epoch}/${total}  loss ${loss}  ${visible(JSON.stringify(message))}`
  if (`${line} ${status.timestamp}` !== shown) {
    shown = `${line} ${status.timestamp}`
    stalled = false
    console.log(line)
  } else if (status.status === 'running' && !stalled && unchangedSeconds > STALLED_AFTER) {
    stalled = true
    console.log(`stalled: no change for ${unchangedSeconds.toFixed()} s`)
  }
  if (status.status === 'done' || status.status === 'error') {
    process.exitCode = status.status === 'done' ? 0 : 1
    break
  }
}
