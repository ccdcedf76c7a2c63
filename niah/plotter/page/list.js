// Only in the list of `niah view`: runs that came or went on; what is chosen stays.
const key = (row) => row.cells[0].textContent || row.textContent;
setInterval(async () => {
  const answer = document.hidden ? null : await fetch("/").catch(() => null);
  if (!answer || !answer.ok) return;
  const news = new DOMParser().parseFromString(await answer.text(), "text/html");
  const known = new Map([...document.querySelectorAll("tbody tr")].map((row) => [key(row), row]));
  for (const row of [...news.querySelectorAll("tbody tr")].reverse()) {
    const old = known.get(key(row));
    if (old) [...row.cells].forEach((cell, i) => i && old.cells[i].replaceWith(cell));
    else document.querySelector("tbody").prepend(row);
  }
}, 2000);
