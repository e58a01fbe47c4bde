// Serves write-file-atomic to the conformance kit: one JSON request per line on stdin, one answer per line
// on stdout (SPEC.md, "Mode serve"). It adds nothing to the library: no option, no retry, no check.
// It reads and answers synchronously, because under Wine Node cannot open a pipe as a stream (EINVAL). This
// delays nothing: a write is awaited before the next request is read.
import { readSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import writeFileAtomic from 'write-file-atomic'

const { name, version } = createRequire(import.meta.url)('write-file-atomic/package.json')

const operations = {
  start: () => ({ protocol: 1, name, version, language: 'javascript' }),
  replace: async ({ path, text }) => { await writeFileAtomic(path, text) },
  stop: () => ({})
}

async function answer (request) {
  const operation = operations[request.op]
  if (operation === undefined) return { ok: false, error: 'unsupported', message: `no operation ${request.op}` }
  try {
    return { ok: true, ...await operation(request) }
  } catch (error) {
    // Only system errors carry the name of a system call; Node itself refuses what no file system could accept.
    // Anything else is a defect of the library or of this file, and ends the process with its stack.
    if (error.syscall !== undefined) return { ok: false, error: 'io', message: error.message }
    if (error.code === 'ERR_INVALID_ARG_VALUE') return { ok: false, error: 'invalid', message: error.message }
    throw error
  }
}

// How many bytes of stdin were read into the buffer; 0 at its end.
function read (buffer) {
  try {
    return readSync(0, buffer)
  } catch (error) {
    if (error.code === 'EOF') return 0 // how Windows reports that the other end of a pipe is closed
    throw error
  }
}

function * lines () {
  const buffer = Buffer.alloc(65536)
  let begun = ''
  for (let size; (size = read(buffer)) > 0;) {
    const parts = (begun + buffer.toString('latin1', 0, size)).split('\n') // requests are pure ASCII
    begun = parts.pop()
    yield * parts
  }
}

for (const line of lines()) {
  const request = JSON.parse(line)
  writeFileSync(1, JSON.stringify({ id: request.id, ...await answer(request) }) + '\n')
  if (request.op === 'stop') break
}
