// Light or dark: the reader's system decides until the button does.

const KEY = 'explorer-theme';
const root = document.documentElement;
const system = matchMedia('(prefers-color-scheme: dark)');
const isDark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : system.matches);

const chosen = localStorage.getItem(KEY);
if (chosen) root.dataset.theme = chosen;

document.addEventListener('DOMContentLoaded', () => {
  const button = document.getElementById('theme');
  const show = () => button.setAttribute('aria-pressed', isDark());
  button.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    localStorage.setItem(KEY, root.dataset.theme);
    show();
  });
  system.addEventListener('change', show);
  show();
});
