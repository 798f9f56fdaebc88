// Pages work without this file; it adds dialogs, speed and live parts. It never makes markup from strings.
(() => {
  'use strict';
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (tag, props = {}, ...children) => { const n = Object.assign(document.createElement(tag), props); n.append(...children); return n; };
  const typing = node => node.matches?.('input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]');
  const busyWith = () => $('dialog[open], .menu:popover-open');

  // One polite message at a time; the pause lets the same words be heard twice.
  let saying;
  const say = text => {
    const region = $('#say');
    if (!region || !text) return;
    clearTimeout(saying);
    region.textContent = '';
    saying = setTimeout(() => { region.textContent = text; }, 80);
  };

  const icon = name => {
    const ns = 'http://www.w3.org/2000/svg', svg = document.createElementNS(ns, 'svg'), use = document.createElementNS(ns, 'use');
    const sprite = $('use')?.getAttribute('href').split('#')[0];
    svg.setAttribute('aria-hidden', 'true');
    use.setAttribute('href', `${sprite}#i-${name}`);
    svg.append(use);
    return svg;
  };

  // Dialogs. <a href="…page…" data-open="id"> opens the dialog of that id and stays a link without scripts.
  // data-fill is JSON: {"name": "Priya Nair", "action": "/…"} goes into [data-fill="name"] and the form's action.
  const open = (dialog, opener) => {
    const fill = JSON.parse(opener?.dataset.fill || '{}');
    for (const node of $$('[data-fill]', dialog)) {
      const value = fill[node.dataset.fill];
      if (value === undefined) continue;
      if ('value' in node && node.matches('input, textarea')) node.value = value;
      else node.textContent = value;
    }
    const form = $('form', dialog);
    if (form && fill.action) form.action = fill.action;
    dialog.showModal();
    form && livesIn(form);
  };
  document.addEventListener('click', event => {
    const opener = event.target.closest('[data-open]'), dialog = opener && document.getElementById(opener.dataset.open);
    if (dialog && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      opener.closest('[popover]')?.hidePopover();
      dialog.id === 'palette' ? palette.open() : open(dialog, opener);
    }
    if (event.target.closest('[data-close]')) event.target.closest('dialog').close();
    if (event.target.matches('dialog.soft')) event.target.close();
  });

  // Enter opens a link's dialog on the way down; the same press must not reach the button that has the focus then.
  document.addEventListener('keydown', event => {
    const opener = event.key === 'Enter' && event.target.closest?.('a[data-open]');
    if (!opener) return;
    event.preventDefault();
    const swallow = press => press.preventDefault();
    addEventListener('keypress', swallow, true);
    addEventListener('keyup', () => removeEventListener('keypress', swallow, true), { capture: true, once: true });
    opener.click();
  });

  // Menus: arrows move, as in every menu.
  document.addEventListener('keydown', event => {
    const menu = event.target.closest?.('.menu'), step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!menu || !step || typing(event.target) && event.target.type !== 'search') return;
    const items = $$('a[href], button', menu).filter(item => item.checkVisibility());
    event.preventDefault();
    items.at((items.indexOf(document.activeElement) + step + items.length) % items.length)?.focus();
  });
  document.addEventListener('toggle', event => {
    const menu = event.target;
    if (menu.matches?.('.menu') && event.newState === 'open') ($('input, [aria-current]', menu) || $('a[href], button', menu))?.focus();
  }, true);

  // data-filter="listid" on a search field hides the lines of the list that lack what is typed.
  document.addEventListener('input', event => {
    const list = event.target.dataset?.filter && document.getElementById(event.target.dataset.filter);
    if (!list) return;
    const want = event.target.value.trim().toLowerCase();
    const lines = $$('li', list).filter(line => !(line.hidden = !line.textContent.toLowerCase().includes(want)));
    say(lines.length === 1 ? '1 result' : `${lines.length} results`);
  });

  // Live sentences. <output data-says='{"": ["one", "many {n}"], "admin": […]}'> follows the ticked boxes and the number of addresses
  // in its form; <button data-count="Send {n} invitations"> keeps its own words for one.
  const livesIn = form => {
    const list = $('[data-many]', form);
    const n = list ? new Set(list.value.toLowerCase().split(/[\s,;]+/).filter(Boolean)).size : 1;
    const output = $('[data-says]', form);
    if (output) {
      const key = $$(`[name="${output.dataset.of}"]:checked`, form).map(box => box.value).join(',');
      const words = JSON.parse(output.dataset.says)[key];
      const text = words && words[n > 1 ? 1 : 0].replace('{n}', n);
      if (text && output.textContent !== text) output.textContent = text;
    }
    for (const output of $$('[data-follow]', form)) { // one sentence for each value of a list
      const text = JSON.parse(output.dataset.words)[form.elements[output.dataset.follow].value];
      if (text && output.textContent !== text) output.textContent = text;
    }
    const button = $('[data-count]', form);
    if (button) {
      button.dataset.one ||= button.textContent;
      button.textContent = n > 1 ? button.dataset.count.replace('{n}', n) : button.dataset.one;
    }
  };

  // Forms with data-edit say when something is not saved, and ask before it is lost.
  const stay = event => event.preventDefault();
  document.addEventListener('input', event => {
    const form = event.target.form;
    if (!form) return;
    livesIn(form);
    if (!form.matches('[data-edit]')) return;
    const note = $('.dirty', form);
    if (note) note.hidden = false;
    addEventListener('beforeunload', stay);
  });

  // Forms with data-parts change only these parts of the page, which come with the answer. An answer from elsewhere is shown as it would
  // be without scripts.
  document.addEventListener('submit', async event => {
    const form = event.target, [first, ...others] = form.dataset.parts?.split(',') || [];
    if (!first) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (form.dataset.sent) return;
    form.dataset.sent = '1';
    try {
      const answer = await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form, event.submitter)) });
      if (!answer.ok || new URL(answer.url).pathname !== location.pathname) throw answer;
      const target = $(first);
      htmx.swap(target, await answer.text(), { swapStyle: 'outerHTML' }, { select: first, selectOOB: others.join(','), eventInfo: { target } });
    } catch (answer) {
      removeEventListener('beforeunload', stay);
      answer.redirected ? location.assign(answer.url) : location.reload();
    }
  }, true);

  // Submitting: the button says what happens and keeps its width; a second press is ignored.
  const rest = () => $$('form[data-sent]').forEach(form => {
    delete form.dataset.sent;
    for (const button of $$('[aria-busy]', form)) {
      button.textContent = '';
      button.append(...button.kept);
      button.style.inlineSize = '';
      button.removeAttribute('aria-busy');
      button.removeAttribute('aria-disabled');
    }
  });
  document.addEventListener('submit', event => {
    const form = event.target, button = event.submitter;
    if (form.method !== 'post') return form.method === 'dialog' || form.hasAttribute('hx-get') ? undefined : removeEventListener('beforeunload', stay);
    if (form.dataset.sent || button?.getAttribute('aria-disabled') === 'true') return event.preventDefault();
    form.dataset.sent = '1';
    removeEventListener('beforeunload', stay);
    setTimeout(rest, 15000); // the server did not answer: let them try again
    if (!button?.matches('.btn')) return;
    setTimeout(() => { // after the browser has read the button's own value
      button.style.inlineSize = `${button.getBoundingClientRect().width}px`;
      button.kept = [...button.childNodes];
      button.replaceChildren(button.dataset.busy || 'Saving…');
      button.setAttribute('aria-busy', 'true');
      button.setAttribute('aria-disabled', 'true');
    });
  });
  addEventListener('pageshow', rest);

  // Passkeys. form[data-passkey] waits hidden for a browser that can: "get" shows a passkey, "create" makes one, "shown" only leads on.
  // The answer goes into the form, so that what is wrong with it shows on the page as always.
  const keys = window.PublicKeyCredential;
  if (keys?.parseRequestOptionsFromJSON && keys.prototype.toJSON) {
    const hidden = (form, name, value) => {
      const input = $(`[name="${name}"]`, form) || make('input', { type: 'hidden', name });
      input.value = value;
      form.append(input);
    };
    let offering; // stops the passkeys that the address field offers: a browser asks one thing at a time
    const ask = async (form, props = {}) => {
      const answer = await fetch(form.dataset.options, { method: 'POST', headers: { Accept: 'application/json' } });
      if (!answer.ok) throw new Error(answer.status);
      const { options, challenge } = await answer.json();
      const key = form.dataset.passkey === 'create'
        ? await navigator.credentials.create({ publicKey: keys.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: keys.parseRequestOptionsFromJSON(options), ...props });
      hidden(form, 'challenge', challenge);
      hidden(form, 'passkey', JSON.stringify(key.toJSON()));
      form.dataset.answered = '1';
      form.requestSubmit($('[name=with]', form) || $('button', form));
    };
    const start = form => {
      offering?.abort();
      ask(form).catch(error => {
        if (/^\d+$/.test(error.message)) { form.dataset.answered = '1'; return form.requestSubmit($('[name=with]', form) || $('button', form)); }
        say('No passkey was used.'); // they closed the browser's question
      });
    };
    document.addEventListener('submit', event => {
      const form = event.target, kind = form.dataset.passkey;
      const wants = kind === 'get' || kind === 'create' && (!$('[name=with]', form) || event.submitter?.name === 'with');
      const unfit = kind === 'create' && form.elements.with && (!form.elements.name.value.trim() || form.elements.accept?.checked === false);
      if (!wants || unfit || form.dataset.answered) return delete form.dataset.answered; // the server says what is missing
      event.preventDefault();
      event.stopImmediatePropagation();
      start(form);
    }, true);
    $$('form[data-passkey], [data-passkey-row]').forEach(node => { node.hidden = false; });
    $$('.nokey').forEach(node => { node.hidden = true; });
    const offer = async form => { // anew before the challenge runs out
      offering = new AbortController();
      const { signal } = offering, again = setTimeout(() => { if (!signal.aborted) { offering.abort(); offer(form); } }, 240000);
      try { await ask(form, { mediation: 'conditional', signal }); } catch { if (signal.aborted) clearTimeout(again); }
    };
    const field = $('[autocomplete~=webauthn]'), form = field && $('form[data-passkey=get]');
    if (form) keys.isConditionalMediationAvailable?.().then(can => can && offer(form));
  }

  // Small helpers: copy, show a password, wait before asking again.
  document.addEventListener('click', async event => {
    const copy = event.target.closest('[data-copy]'), show = event.target.closest('[data-reveal]');
    if (copy) {
      try { await navigator.clipboard.writeText(copy.dataset.copy); } catch { return; }
      const done = make('span', { className: 'hint', textContent: 'Copied' });
      copy.after(done);
      say('Copied');
      setTimeout(() => done.remove(), 2500);
    }
    if (show) {
      const input = document.getElementById(show.dataset.reveal), hidden = input.type === 'password';
      input.type = hidden ? 'text' : 'password';
      show.firstChild.textContent = hidden ? 'Hide' : 'Show';
      input.focus();
    }
  });
  for (const button of $$('[data-wait]')) {
    const words = button.textContent, end = Date.now() + button.dataset.wait * 1000;
    const tick = () => {
      const left = Math.ceil((end - Date.now()) / 1000);
      button.textContent = left > 0 ? `${words} in ${left} s` : words;
      left > 0 ? button.setAttribute('aria-disabled', 'true') : button.removeAttribute('aria-disabled');
      if (left > 0) setTimeout(tick, 1000);
    };
    tick();
  }

  // Command palette: dialog, combobox, listbox. Its entries come once, from data-src; people are asked for at data-people while typing.
  const palette = (() => {
    const dialog = $('#palette');
    if (!dialog) return { open() {} };
    const input = $('input', dialog), list = $('ul', dialog), note = $('p', dialog);
    let entries, people = [], asking, shown = [], at = 0;
    const line = entry => {
      const li = make('li', { role: 'option' }, icon(entry.icon), make('span', { textContent: entry.label }), make('small', { textContent: entry.kind }));
      return Object.assign(entry, { li, text: entry.label.toLowerCase() });
    };
    const load = async () => {
      note.textContent = 'Loading…';
      try {
        const answer = await fetch(dialog.dataset.src, { headers: { Accept: 'application/json' } });
        if (!answer.ok) throw new Error(answer.status);
        entries = (await answer.json()).map(line);
        note.textContent = '';
        draw();
      } catch {
        note.textContent = 'The list could not be loaded. Close this and try again.';
      }
    };
    const rank = (entry, want) => {
      const { text } = entry;
      return text.startsWith(want) ? 0 : text.includes(` ${want}`) ? 1 : text.includes(want) ? 2 : 9;
    };
    const place = entry => entry.finds ? 2 : entry.found ? 1 : 0; // what comes later never moves what is there
    const draw = () => {
      if (!entries) return;
      const want = input.value.toLowerCase().trim();
      shown = [...entries, ...people].filter(entry => {
        entry.finds = entry.path.includes('{q}');
        if (entry.finds) $('span', entry.li).textContent = entry.label.replace('{q}', input.value.trim());
        return entry.finds ? want : entry.found === want || rank(entry, want) < 9;
      }).sort((a, b) => place(a) - place(b) || (want ? rank(a, want) - rank(b, want) : 0));
      at = Math.max(0, Math.min(at, shown.length - 1));
      shown.forEach((entry, i) => { entry.li.id = `palette-${i}`; entry.li.setAttribute('aria-selected', i === at); });
      list.replaceChildren(...shown.map(entry => entry.li));
      input.setAttribute('aria-activedescendant', shown.length ? `palette-${at}` : '');
      shown[at]?.li.scrollIntoView({ block: 'nearest' });
      note.textContent = shown.length ? '' : 'Nothing matches. Try a page, a person or an account.';
    };
    const ask = () => {
      const want = input.value.toLowerCase().trim();
      clearTimeout(asking);
      if (!dialog.dataset.people || want.length < 2) { people = []; return; }
      asking = setTimeout(async () => {
        try {
          const answer = await fetch(`${dialog.dataset.people}?q=${encodeURIComponent(want)}`, { headers: { Accept: 'application/json' } });
          if (!answer.ok || input.value.toLowerCase().trim() !== want) return;
          people = (await answer.json()).map(entry => Object.assign(line(entry), { found: want }));
          draw();
          if (people.length) say(shown.length === 1 ? '1 result' : `${shown.length} results`);
        } catch { /* pages and actions still work */ }
      }, 200);
    };
    const run = entry => {
      if (!entry) return;
      dialog.close();
      location.href = entry.path.replace('{q}', encodeURIComponent(input.value.trim()));
    };
    input.addEventListener('input', () => { at = 0; ask(); draw(); say(shown.length === 1 ? '1 result' : `${shown.length} results`); });
    input.addEventListener('keydown', event => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) { event.preventDefault(); at += step; draw(); }
      if (event.key === 'Enter') { event.preventDefault(); run(shown[at]); }
    });
    list.addEventListener('click', event => run(shown.find(entry => entry.li === event.target.closest('li'))));
    dialog.addEventListener('close', () => { input.value = ''; people = []; at = 0; });
    return { open() { dialog.showModal(); entries ? draw() : load(); } };
  })();

  // A list of more than 15 options becomes a field that filters from the first letter (ARIA's combobox with a listbox). The list stays, hidden,
  // and is what the form sends.
  const combobox = select => {
    const ul = make('ul', { role: 'listbox', id: `${select.id}-list`, hidden: true, ariaLabel: select.labels[0]?.textContent || '' });
    const input = make('input', { type: 'text', role: 'combobox', autocomplete: 'off', spellcheck: false, ariaExpanded: 'false', ariaAutoComplete: 'list' });
    input.setAttribute('aria-controls', ul.id);
    for (const name of ['aria-describedby', 'aria-label', 'aria-invalid']) if (select.hasAttribute(name)) input.setAttribute(name, select.getAttribute(name));
    const chosen = () => select.selectedOptions[0];
    const options = [...select.options].map((option, i) => {
      const li = make('li', { role: 'option', id: `${ul.id}-${i}`, textContent: option.label });
      return { option, li, text: option.label.toLowerCase() };
    });
    let shown = [], at = 0, taken = false;
    const close = () => {
      ul.hidden = true;
      input.ariaExpanded = 'false';
      input.removeAttribute('aria-activedescendant');
    };
    const draw = () => {
      ul.replaceChildren(...shown.map(one => one.li));
      if (!shown.length) ul.replaceChildren(make('li', { role: 'option', ariaDisabled: 'true', textContent: 'Nothing matches' }));
      at = Math.max(0, Math.min(at, shown.length - 1));
      shown.forEach((one, i) => { one.li.ariaSelected = `${i === at}`; });
      ul.hidden = false;
      input.ariaExpanded = 'true';
      input.setAttribute('aria-activedescendant', shown[at]?.li.id || '');
      shown[at]?.li.scrollIntoView({ block: 'nearest' });
    };
    const all = () => { shown = options; at = select.selectedIndex; draw(); };
    const filter = () => {
      const want = input.value.toLowerCase().trim();
      const rank = ({ text }) => text.startsWith(want) ? 0 : text.includes(` ${want}`) ? 1 : text.includes(want) ? 2 : 9;
      shown = options.filter(one => rank(one) < 9).sort((a, b) => rank(a) - rank(b));
      at = 0;
      draw();
      say(shown.length === 1 ? '1 result' : `${shown.length} results`);
    };
    const take = one => {
      if (one && one.option !== chosen()) {
        one.option.selected = true;
        select.dispatchEvent(new Event('input', { bubbles: true }));
        select.dispatchEvent(new Event('change', { bubbles: true }));
      }
      input.value = chosen()?.label || '';
      close();
    };
    input.addEventListener('focus', () => input.select());
    input.addEventListener('click', () => { if (ul.hidden) all(); });
    input.addEventListener('input', event => { event.stopPropagation(); filter(); });
    input.addEventListener('blur', () => take(ul.hidden ? undefined : shown.find(one => one.text === input.value.toLowerCase().trim())));
    input.addEventListener('keydown', event => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) {
        event.preventDefault();
        if (ul.hidden) return all();
        at += step;
        draw();
      }
      if (ul.hidden || event.ctrlKey || event.metaKey) return;
      if (event.key === 'Enter') { event.preventDefault(); taken = true; take(shown[at]); }
      if (event.key === 'Escape') { event.preventDefault(); event.stopPropagation(); take(); }
    });
    input.addEventListener('keypress', event => { if (taken) event.preventDefault(); }); // the press that chose does not send the form
    input.addEventListener('keyup', () => { taken = false; });
    ul.addEventListener('mousedown', event => event.preventDefault()); // the field keeps the focus
    ul.addEventListener('click', event => take(shown.find(one => one.li === event.target)));
    input.id = select.id;
    select.id += '-value';
    input.value = chosen()?.label || '';
    const box = make('div', { className: `combo ${select.className}` }, input, ul);
    select.before(box);
    box.append(select);
    select.hidden = true;
  };
  const comboboxes = root => $$('select', root).filter(select => select.id && !select.hidden && select.options.length > 15).forEach(combobox);
  comboboxes(document);

  // Keys. Single letters stay out of fields and can be turned off with data-keys="off".
  document.addEventListener('keydown', event => {
    const control = event.ctrlKey || event.metaKey;
    if (control && event.key === 'Enter' && event.target.form) { event.preventDefault(); event.target.form.requestSubmit($('button:not([type=button])', event.target.form)); }
    if (control && event.key.toLowerCase() === 'k' && $('#palette') && !$('dialog[open]')) { event.preventDefault(); palette.open(); }
    if (control || event.altKey || typing(event.target) || busyWith() || document.body.dataset.keys === 'off') return;
    const search = event.key === '/' && $('main [type=search]');
    if (search) { event.preventDefault(); search.focus(); search.select(); }
    if (event.key === '?' && $('#keys')) { event.preventDefault(); $('#keys').showModal(); }
  });

  // A page that came back with problems: the summary has the focus, its lines lead to the fields.
  $('#errors')?.focus();
  document.addEventListener('click', event => {
    const line = event.target.closest('#errors a, [data-errors] a'), field = line && document.getElementById(line.hash.slice(1));
    if (!field) return;
    event.preventDefault();
    (field.closest('.field') || field).scrollIntoView({ block: 'center' });
    field.focus({ preventScroll: true });
  });

  // Parts that htmx has put in: focus is never lost, and one message says what came.
  document.addEventListener('htmx:afterSettle', event => {
    const part = event.detail.target.isConnected ? event.detail.target : document.getElementById(event.detail.target.id);
    if (!part) return;
    $$('.trouble').forEach(node => node.remove());
    comboboxes(part);
    if (document.activeElement === document.body && !event.detail.requestConfig?.headers['X-Quiet']) {
      const heading = $('h1, h2, h3', part) || part;
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
    }
    const told = part.matches('[data-say]') ? part : $('[data-say]', part);
    if (!event.detail.requestConfig?.headers['X-Quiet']) say(told?.dataset.say);
  });
  for (const name of ['htmx:responseError', 'htmx:sendError', 'htmx:timeout']) {
    document.addEventListener(name, event => {
      const quiet = event.detail.requestConfig?.headers['X-Quiet'], text = 'That could not be loaded. Check your connection and try again.';
      if (quiet || $('.trouble')) return;
      const words = make('div', {}, make('p', { textContent: text })), box = make('div', { className: 'notice bad trouble' }, icon('bad'), words);
      (event.detail.target.closest('.card') || $('main')).before(box);
      say(text);
    });
  }

  // Live parts. The account's event stream names topics; parts with data-refresh="topic" are fetched anew, but never under someone's
  // hands. The stream is open only while the page is in sight: browsers allow few connections, and hidden pages need none.
  const address = document.body.dataset.events;
  if (address) {
    const due = new Set();
    let stream, moved = 0, hidden = false;
    addEventListener('pointermove', () => { moved = Date.now(); }, { passive: true });
    const held = part => busyWith() || part.contains(document.activeElement) || document.hidden || part.matches(':hover') && Date.now() - moved < 1500;
    const refresh = () => {
      for (const part of [...due]) {
        if (part.isConnected && held(part)) continue;
        due.delete(part);
        if (part.isConnected) htmx.ajax('GET', location.href, { target: part, select: `#${part.id}`, swap: 'outerHTML', headers: { 'X-Quiet': '1' } });
      }
      if (due.size) setTimeout(refresh, 500);
    };
    const changed = topic => {
      $$('[data-refresh]').filter(part => !topic || part.dataset.refresh.split(' ').includes(topic)).forEach(part => due.add(part));
      refresh();
    };
    const ended = why => {
      stream.close();
      if ($('.ended')) return;
      const out = why === 'signed-out', button = make('button', { className: 'btn', textContent: out ? 'Sign in' : 'Reload' });
      const text = out ? 'You have been signed out. Sign in to go on.' : 'Your access changed. Reload to see what you can do now.';
      button.addEventListener('click', () => { removeEventListener('beforeunload', stay); location.reload(); });
      document.body.append(make('div', { className: 'notice warn ended', role: 'alert' }, icon('warn'), make('div', {}, make('p', { textContent: text })), button));
    };
    const listen = () => {
      stream = new EventSource(address);
      stream.addEventListener('changed', event => changed(event.data));
      stream.addEventListener('ended', event => ended(event.data));
      stream.addEventListener('error', () => { if (stream.readyState === EventSource.CLOSED && !document.hidden) ask(); });
    };
    const ask = async () => { // the stream was refused: is it the person, or is the server starting?
      try {
        const { status } = await fetch($('#palette').dataset.src, { headers: { Accept: 'application/json' } });
        if (status === 401) return ended('signed-out');
        if (status === 403 || status === 404) return ended('access');
      } catch { /* offline */ }
      setTimeout(() => { if (!document.hidden) listen(); }, 5000);
    };
    document.addEventListener('visibilitychange', () => {
      if ($('.ended')) return;
      if (document.hidden) { hidden = true; stream.close(); } else if (hidden) { hidden = false; listen(); changed(); }
    });
    addEventListener('pagehide', () => stream?.close());
    if (document.hidden) hidden = true; else listen();
  }

  // A page brought back by the Back button may belong to somebody who has signed out since.
  addEventListener('pageshow', event => { if (event.persisted && $('#palette')) location.reload(); });

  $$('form').forEach(livesIn);
  const wanted = new URLSearchParams(location.search).get('open'), dialog = wanted && document.getElementById(wanted);
  if (dialog?.matches('dialog')) dialog.id === 'palette' ? palette.open() : open(dialog);
})();
