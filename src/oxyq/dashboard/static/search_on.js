// A long search goes on by itself until it finds somebody; it leaves no trail of empty pages to go back through.

const next = document.querySelector("a[data-search-on]");
if (next) location.replace(next.href);
