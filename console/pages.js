// Shows the links to the pages that somebody may open.

// The other pages are for those who decide.
const FOR_ALL = ['/', '/account'];

export function offer(nav, me) {
  nav.hidden = !me;
  for (const page of nav.querySelectorAll('a'))
    page.hidden = !me?.may_decide && !FOR_ALL.includes(page.getAttribute('href'));
}
