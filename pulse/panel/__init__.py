"""``pulse panel``: status files in the browser, live. It needs the extra ``panel``; nothing else in pulse does."""
