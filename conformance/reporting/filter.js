'use strict'
// Filters what has an outcome: failures, and the rows of the clauses. Without this script everything is shown.
const bar = document.querySelector('.filter')
const [words, outcome] = bar.querySelectorAll('input, select')
const items = [...document.querySelectorAll('[data-outcome]')].map(element => {
  const copy = element.cloneNode(true)
  for (const part of copy.querySelectorAll('.explained > div')) part.remove() // says too much to find anything by it
  return { element, text: copy.textContent.toLowerCase() }
})

function apply () {
  const wanted = words.value.toLowerCase().split(/\s+/)
  let shown = 0
  for (const { element, text } of items) {
    const fits = (!outcome.value || element.dataset.outcome === outcome.value) && wanted.every(word => text.includes(word))
    element.hidden = !fits
    shown += fits
  }
  bar.querySelector('output').value = `${shown} of ${items.length} shown`
  for (const section of document.querySelectorAll('.filtered')) {
    section.hidden = !section.querySelector('[data-outcome]:not([hidden])')
  }
}

words.addEventListener('input', apply)
outcome.addEventListener('change', apply)
bar.hidden = false
