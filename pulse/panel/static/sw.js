// Keeps the page itself, so that a reload while the server is away shows the banner and not the browser's error page.
// The network always comes first. Where another program answers at this address, this worker removes itself.

const KEPT = 'pulse-panel'
const SHELL = [
  '/', '/favicon.ico', '/static/feed.js', '/static/format.js', '/static/page.css', '/static/page.js', '/static/row.js',
  '/static/status-reader.js', '/static/style.js', '/static/training-panel.js'
]

addEventListener('install', event => {
  skipWaiting()
  event.waitUntil(caches.open(KEPT).then(cache => cache.addAll(SHELL)))
})

addEventListener('activate', event => event.waitUntil(clients.claim()))

addEventListener('fetch', event => {
  const { pathname, origin } = new URL(event.request.url)
  if (event.request.method === 'GET' && origin === location.origin && SHELL.includes(pathname)) {
    event.respondWith(answer(event.request, pathname))
  }
})

async function answer (request, pathname) {
  const cache = await caches.open(KEPT)
  let response
  try {
    response = await fetch(request)
  } catch (error) {
    const kept = await cache.match(pathname)
    if (kept === undefined) throw error
    return kept
  }
  if (response.ok && !response.redirected) {
    if (response.headers.has('x-pulse-panel')) await cache.put(pathname, response.clone())
    else if (pathname === '/') await leave()
  }
  return response
}

async function leave () {
  await caches.delete(KEPT)
  await registration.unregister()
}
