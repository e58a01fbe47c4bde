// What `pulse conformance` judges: one JSON request per line on stdin, one answer per line on stdout.
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'

function answer ({ op, path: file, text }) {
  switch (op) {
    case 'start':
      return { ok: true, protocol: 1, name: 'mine', version: '1', language: 'javascript' }
    case 'replace':
      save(file, text) // YOUR WRITER: import it and call it here; then remove `save` below
      return { ok: true }
    case 'stop':
      return { ok: true }
    default:
      return { ok: false, error: 'unsupported' }
  }
}

// A stand-in, so that everything runs from the start. It keeps no mode: each file becomes 0600.
function save (file, text) {
  const folder = path.dirname(file)
  const temp = path.join(folder, `.${randomBytes(8).toString('hex')}.tmp`)
  const descriptor = fs.openSync(temp, 'wx', 0o600)
  try {
    fill(descriptor, Buffer.from(text, 'utf8'))
    fs.renameSync(temp, file)
  } catch (error) {
    try {
      fs.unlinkSync(temp)
    } catch {} // must not hide the first error
    throw error
  }
  if (process.platform !== 'win32') sync(folder)
}

function fill (descriptor, bytes) {
  try {
    for (let done = 0; done < bytes.length;) done += fs.writeSync(descriptor, bytes, done)
    fs.fsyncSync(descriptor)
  } catch (error) {
    try {
      fs.closeSync(descriptor)
    } catch {}
    throw error
  }
  fs.closeSync(descriptor)
}

function sync (folder) {
  const descriptor = fs.openSync(folder, 'r')
  try {
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

createInterface({ input: process.stdin, crlfDelay: Infinity }).on('line', line => {
  const request = JSON.parse(line)
  let fields
  try {
    fields = answer(request)
  } catch (error) {
    fields = { ok: false, error: 'io', message: String(error.message) }
  }
  process.stdout.write(`${JSON.stringify({ id: request.id, ...fields })}\n`)
  if (request.op === 'stop') process.stdin.destroy() // or the open pipe would keep this process alive
})
