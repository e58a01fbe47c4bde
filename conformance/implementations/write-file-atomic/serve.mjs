// Serves write-file-atomic to the conformance kit: one JSON request a line on stdin, one answer a line on stdout
// (SPEC.md, "Mode serve"). It adds nothing to the library: no option, no retry, no check.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
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
    // Only system errors carry the name of a system call; Node itself refuses what no file system could be asked for.
    // Anything else is a defect of the library or of this file, and ends the process with its stack.
    if (error.syscall !== undefined) return { ok: false, error: 'io', message: error.message }
    if (error.code === 'ERR_INVALID_ARG_VALUE') return { ok: false, error: 'invalid', message: error.message }
    throw error
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  process.stdout.write(JSON.stringify({ id: request.id, ...await answer(request) }) + '\n')
  if (request.op === 'stop') break
}
