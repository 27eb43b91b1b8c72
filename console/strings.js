// Every sentence of the page in every language it speaks, and which one is spoken now.

const TABLE = {
  language: { en: 'Language', fr: 'Langue' },
  held: { en: 'Held', fr: 'Retenus' },
  held_count: { en: '{n} held', fr: '{n} en attente' },
  ended: { en: 'Last decisions', fr: 'Dernières décisions' },
  ended_none: { en: 'Nothing decided yet.', fr: 'Rien de décidé pour l’instant.' },
  log_in: { en: 'Log in', fr: 'Se connecter' },
  log_out: { en: 'Log out', fr: 'Se déconnecter' },
  login_title: { en: 'Moderators’ console', fr: 'Console de modération' },
  name: { en: 'Name', fr: 'Nom' },
  password: { en: 'Password', fr: 'Mot de passe' },
  code: { en: 'Code from your authenticator', fr: 'Code de votre application' },
  error_code_needed: {
    en: 'Enter the code that your authenticator shows.',
    fr: 'Saisissez le code affiché par votre application.',
  },
  error_code: {
    en: 'This code is wrong, old or was used before.',
    fr: 'Ce code est faux, périmé ou déjà utilisé.',
  },
  page_account: { en: 'Account', fr: 'Compte' },
  close: { en: 'Close', fr: 'Fermer' },
  keys: { en: 'Keys', fr: 'Raccourcis' },
  key_next: { en: 'next message', fr: 'message suivant' },
  key_previous: { en: 'previous message', fr: 'message précédent' },
  key_release: { en: 'release: it is sent at once', fr: 'publier : envoyé aussitôt' },
  key_remove: { en: 'remove: nobody sees it', fr: 'retirer : personne ne le voit' },
  key_time_out: {
    en: 'remove, and silence the sender for a while (then 1–4)',
    fr: 'retirer et faire taire l’auteur un moment (puis 1 à 4)',
  },
  key_ban: {
    en: 'remove, and ban the sender until that is lifted',
    fr: 'retirer et bannir l’auteur jusqu’à nouvel ordre',
  },
  key_allow: {
    en: 'release, and allow the listed term here for a while (then 1–3)',
    fr: 'publier et autoriser ici le mot listé un moment (puis 1 à 3)',
  },
  key_trust: {
    en: 'release, and trust the sender here for a while (then 1–3)',
    fr: 'publier et faire confiance à l’auteur un moment (puis 1 à 3)',
  },
  key_mark: {
    en: 'mark: R, X, T and B then decide all marked',
    fr: 'cocher : R, X, T et B décident alors de tous',
  },
  key_range: { en: 'mark from here on', fr: 'cocher de proche en proche' },
  key_show: { en: 'show a text that is blurred', fr: 'montrer un texte flouté' },
  key_undo: { en: 'undo the last removal, time-out or ban', fr: 'annuler le dernier retrait' },
  key_escape: {
    en: 'leave a menu, or no message selected',
    fr: 'quitter un menu, ne rien choisir',
  },
  help_final: {
    en: 'A release is immediate and final. Removing, timing out and banning can be undone for a few seconds.',
    fr: 'Une publication est immédiate et définitive. Un retrait s’annule pendant quelques secondes.',
  },
  view: { en: 'What is listed', fr: 'Ce qui est listé' },
  sort: { en: 'Order', fr: 'Ordre' },
  sort_paid: { en: 'Paid first, then oldest', fr: 'Payés d’abord, puis anciens' },
  sort_age: { en: 'Oldest first', fr: 'Plus anciens d’abord' },
  sort_severity: { en: 'Gravest first', fr: 'Plus graves d’abord' },
  view_channel: { en: 'Channel', fr: 'Salon' },
  view_category: { en: 'Category', fr: 'Catégorie' },
  all_channels: { en: 'All channels', fr: 'Tous les salons' },
  all_categories: { en: 'All categories', fr: 'Toutes les catégories' },
  shade_on: { en: 'Gravest texts: blurred', fr: 'Textes graves : floutés' },
  shade_off: { en: 'Gravest texts: shown', fr: 'Textes graves : visibles' },
  shade_show: { en: 'Show', fr: 'Montrer' },
  viewer_note: { en: 'You can look, not decide.', fr: 'Vous pouvez regarder, pas décider.' },
  empty_title: { en: 'Calm water', fr: 'Mer calme' },
  empty_text: {
    en: 'No message is held. New ones appear here by themselves.',
    fr: 'Aucun message retenu. Les nouveaux apparaissent ici d’eux-mêmes.',
  },
  more: { en: '{n} more are held behind these.', fr: '{n} autres attendent derrière.' },
  chip: { en: '{n} new ↓', fr: '{n} de plus ↓' },
  linked: { en: 'Live', fr: 'En direct' },
  stage_wait: { en: 'Connecting…', fr: 'Connexion…' },
  stage_linked: { en: 'Connected: {channel}', fr: 'Connecté : {channel}' },
  stage_lost: { en: 'No connection, trying again…', fr: 'Pas de connexion, nouvel essai…' },
  stage_refused: { en: 'Not shown: {why}', fr: 'Rien à montrer : {why}' },
  stage_sample: { en: 'A message looks like this.', fr: 'Un message ressemble à ceci.' },
  stage_mute: { en: 'This browser has no voice.', fr: 'Ce navigateur n’a pas de voix.' },
  stage_allow: {
    en: 'Click once, and this page may read aloud',
    fr: 'Cliquez une fois pour que cette page puisse lire à voix haute',
  },
  store_failing: {
    en: 'The disk fails: nothing can be held',
    fr: 'Le disque refuse : rien ne peut être retenu',
  },
  overload_1: {
    en: 'Very busy: known senders are judged without the model',
    fr: 'Très chargé : les habitués sont jugés sans le modèle',
  },
  overload_2: {
    en: 'Overloaded: the model cannot read every message',
    fr: 'Surchargé : le modèle ne peut pas lire tous les messages',
  },
  overload_3: {
    en: 'Overloaded: new connections are refused',
    fr: 'Surchargé : les nouvelles connexions sont refusées',
  },
  lost: { en: 'Connection lost, trying again…', fr: 'Connexion perdue, nouvel essai…' },
  release: { en: 'Release', fr: 'Publier' },
  remove: { en: 'Remove', fr: 'Retirer' },
  time_out: { en: 'Time out', fr: 'Faire taire' },
  time_out_menu: { en: 'For how long?', fr: 'Combien de temps ?' },
  ban: { en: 'Ban', fr: 'Bannir' },
  allow: { en: 'Allow term', fr: 'Autoriser' },
  trust: { en: 'Trust', fr: 'Confiance' },
  allow_menu: {
    en: 'Release, and allow it here for how long?',
    fr: 'Publier, et l’autoriser ici combien de temps ?',
  },
  trust_menu: {
    en: 'Release, and trust them here for how long?',
    fr: 'Publier, et lui faire confiance ici combien de temps ?',
  },
  for_good: { en: 'until lifted', fr: 'jusqu’à nouvel ordre' },
  trust_means: {
    en: 'Then words, links and pace of theirs pass here; threats, personal data and the gravest things never do.',
    fr: 'Ses mots, liens et rythme passeront ici ; jamais les menaces, les données personnelles ni le plus grave.',
  },
  foreseen: {
    en: '– of {of} stopped in the last {minutes} min, it would have let through {n} ({held} held now).',
    fr: '– sur {of} arrêtés en {minutes} min, {n} seraient passés ({held} retenus à présent).',
  },
  mark: { en: 'Mark', fr: 'Cocher' },
  unmark: { en: 'Unmark', fr: 'Décocher' },
  marked: { en: '{n} marked', fr: '{n} cochés' },
  marked_bar: { en: 'All marked messages', fr: 'Tous les messages cochés' },
  marked_missed: {
    en: '{n} were not: already decided, or no known sender.',
    fr: '{n} non : déjà décidés, ou sans auteur connu.',
  },
  done_marked_release: { en: '{n} released.', fr: '{n} publiés.' },
  done_marked_remove: { en: '{n} removed.', fr: '{n} retirés.' },
  done_marked_time_out: {
    en: '{n} removed, their senders silenced.',
    fr: '{n} retirés, leurs auteurs se taisent.',
  },
  done_marked_ban: {
    en: '{n} removed, their senders banned.',
    fr: '{n} retirés, leurs auteurs bannis.',
  },
  looking: { en: '{who} is looking', fr: '{who} regarde' },
  decrees: { en: 'In force', fr: 'En vigueur' },
  decrees_none: {
    en: 'Nobody is banned or trusted, no term is allowed.',
    fr: 'Personne n’est banni, aucune confiance, aucun mot autorisé.',
  },
  decrees_more: { en: '{n} older ones: see the API.', fr: '{n} plus anciens : voir l’API.' },
  decree_ban: { en: 'banned', fr: 'banni' },
  decree_trust: { en: 'trusted', fr: 'confiance' },
  decree_allow: { en: 'allowed', fr: 'autorisé' },
  decree_by: { en: 'by {by}, {end}', fr: 'par {by}, {end}' },
  decree_unban: { en: 'Unban', fr: 'Débannir' },
  decree_end: { en: 'End', fr: 'Terminer' },
  until: { en: 'until {at}', fr: 'jusqu’à {at}' },
  until_lifted: { en: 'until lifted', fr: 'jusqu’à nouvel ordre' },
  done_ban: { en: 'Removed; {who} is banned.', fr: 'Retiré ; {who} est banni.' },
  done_allow: {
    en: 'Released; the term is allowed here.',
    fr: 'Publié ; le mot est autorisé ici.',
  },
  done_trust: { en: 'Released; {who} is trusted here.', fr: 'Publié ; {who} a la confiance ici.' },
  done_lifted: { en: 'It is no longer in force.', fr: 'Ce n’est plus en vigueur.' },
  undo: { en: 'Undo', fr: 'Annuler' },
  age: { en: 'held for {time}', fr: 'retenu depuis {time}' },
  left_drop: { en: '{time} left, then removed', fr: 'encore {time}, puis retiré' },
  left_release: { en: '{time} left, then released', fr: 'encore {time}, puis publié' },
  due: { en: 'time is up', fr: 'temps écoulé' },
  due_unattended: { en: 'waits for somebody on duty', fr: 'attend quelqu’un de service' },
  on_duty: { en: '{n} on duty', fr: '{n} de service' },
  nobody_on_duty: { en: 'nobody on duty', fr: 'personne de service' },
  break_time: {
    en: 'Fifty minutes without a pause. A few minutes away from the screen would do you good.',
    fr: 'Cinquante minutes sans pause. Quelques minutes loin de l’écran vous feraient du bien.',
  },
  break_texts: {
    en: 'You have read many hard messages. A short break would do you good.',
    fr: 'Vous avez lu beaucoup de messages durs. Une courte pause vous ferait du bien.',
  },
  break_later: { en: 'Remind me in 10 minutes', fr: 'Me le rappeler dans 10 minutes' },
  break_off: { en: 'Off for today', fr: 'Plus aujourd’hui' },
  break_close: { en: 'Close', fr: 'Fermer' },
  severity: { en: 'severity {n} of 4', fr: 'gravité {n} sur 4' },
  in_channel: { en: 'in {channel}', fr: 'dans {channel}' },
  egress: { en: 'held from viewers only', fr: 'retenu pour les spectateurs seuls' },
  no_name: { en: 'unknown sender', fr: 'auteur inconnu' },
  shadow: { en: 'in shadow', fr: 'à l’essai' },
  veiled: {
    en: 'Personal data, hidden: click, or press Enter, to show it',
    fr: 'Donnée personnelle masquée : cliquez ou appuyez sur Entrée pour la voir',
  },
  erased: { en: '(text erased)', fr: '(texte effacé)' },
  marks: { en: '+{n} marks', fr: '+{n} signes' },
  way_connection: {
    en: 'A release goes out at once',
    fr: 'Publié, il part aussitôt',
  },
  way_service: {
    en: 'Sender gone: a release goes out over Tidegate’s own connection',
    fr: 'Auteur parti : publié par la connexion de Tidegate',
  },
  way_orphan: {
    en: 'Sender gone: a release waits for their return, else it is never sent',
    fr: 'Auteur parti : publié seulement s’il revient',
  },
  done_release: { en: 'Released.', fr: 'Publié.' },
  done_release_orphan: {
    en: 'Released. It goes out if the sender comes back.',
    fr: 'Publié. Il partira si l’auteur revient.',
  },
  done_remove: { en: 'Removed.', fr: 'Retiré.' },
  done_time_out: {
    en: 'Removed; {who} is silent for {time}.',
    fr: 'Retiré ; {who} se tait {time}.',
  },
  done_undo: { en: 'Undone: it is held again.', fr: 'Annulé : il est de nouveau retenu.' },
  already: { en: 'Already {state} by {by} at {at}.', fr: 'Déjà {state} par {by} à {at}.' },
  already_clock: { en: 'Already {state}.', fr: 'Déjà {state}.' },
  by_at: { en: '{state} by {by} at {at}', fr: '{state} par {by} à {at}' },
  state_held: { en: 'held', fr: 'retenu' },
  state_approved: { en: 'released, on its way', fr: 'publié, en route' },
  state_released: { en: 'released', fr: 'publié' },
  state_unknown: { en: 'released, arrival unknown', fr: 'publié, arrivée inconnue' },
  state_denied: { en: 'removed', fr: 'retiré' },
  state_timed_out: { en: 'removed and timed out', fr: 'retiré, auteur réduit au silence' },
  state_banned: { en: 'removed and banned', fr: 'retiré, auteur banni' },
  state_expired: { en: 'expired', fr: 'expiré' },
  state_withdrawn: { en: 'withdrawn', fr: 'repris par l’auteur' },
  state_orphaned: {
    en: 'released, but the sender never came back',
    fr: 'publié, auteur jamais revenu',
  },
  seconds: { en: '{n} s', fr: '{n} s' },
  minutes: { en: '{n} min', fr: '{n} min' },
  hours: { en: '{n} h', fr: '{n} h' },
  error_refused: { en: 'Name or password is wrong.', fr: 'Nom ou mot de passe incorrect.' },
  error_locked: {
    en: 'Too many attempts. Try again in {time}.',
    fr: 'Trop d’essais. Réessayez dans {time}.',
  },
  error_busy: { en: 'Busy just now. Try again.', fr: 'Occupé. Réessayez.' },
  error_unreachable: { en: 'Tidegate does not answer.', fr: 'Tidegate ne répond pas.' },
  error_too_late: { en: 'Too late to undo.', fr: 'Trop tard pour annuler.' },
  error_unknown: { en: 'This message is no longer there.', fr: 'Ce message n’est plus là.' },
  error_role: {
    en: 'Your role may look, not decide.',
    fr: 'Votre rôle permet de regarder seulement.',
  },
  error_sender: {
    en: 'This sender cannot be told from others; decide the message alone.',
    fr: 'Cet auteur est anonyme ; décidez du message seul.',
  },
  error_core: {
    en: 'What is in it is released once, never allowed for longer.',
    fr: 'Ce qu’il contient se publie une fois, jamais pour plus longtemps.',
  },
  error_no_term: { en: 'No listed term in it to allow.', fr: 'Aucun mot listé à autoriser.' },
  error_terms: { en: 'Too many listed terms in it.', fr: 'Trop de mots listés.' },
  error_decrees: { en: 'Too many in force. Lift one.', fr: 'Trop en vigueur. Levez-en une.' },
  error_unknown_decree: { en: 'It is over already.', fr: 'C’est déjà fini.' },
  error_login: {
    en: 'Your session has ended. Log in again.',
    fr: 'Session terminée. Reconnectez-vous.',
  },
  error_store: { en: 'The store does not answer.', fr: 'La base ne répond pas.' },
  error_other: { en: 'That did not work ({error}).', fr: 'Échec ({error}).' },
  crowds: { en: 'Crowds', fr: 'Foules' },
  crowds_none: { en: 'No channel was heard yet.', fr: 'Aucun salon entendu pour l’instant.' },
  shield_on: { en: 'Shield on', fr: 'Bouclier' },
  shield_off: { en: 'Shield off', fr: 'Baisser' },
  shield_help: {
    en: 'Shield mode, for an hour: newcomers are held, everything is judged strictly, slow mode',
    fr: 'Bouclier, une heure : nouveaux retenus, tout est jugé strictement, mode lent',
  },
  shield_by: { en: 'shield by {by}, until {at}', fr: 'bouclier de {by}, jusqu’à {at}' },
  shield_itself: {
    en: 'shield since {at}, by itself: it goes when it is calm',
    fr: 'bouclier depuis {at}, de lui-même : il se baisse au calme',
  },
  done_shield_on: { en: 'The shield is up.', fr: 'Le bouclier est levé.' },
  done_shield_off: { en: 'The shield is down.', fr: 'Le bouclier est baissé.' },
  slow_open: { en: 'Slow…', fr: 'Ralentir…' },
  slow_off: { en: 'Slow off', fr: 'Mode normal' },
  slow_help: {
    en: 'Slow mode: every sender waits between two messages; the longer of this and the shield’s counts',
    fr: 'Mode lent : chacun attend entre deux messages ; la plus longue attente, celle-ci ou celle du bouclier, compte',
  },
  slow_title: { en: 'Slow mode', fr: 'Mode lent' },
  slow_seconds: {
    en: 'Seconds between two messages of one sender (1 to 600)',
    fr: 'Secondes entre deux messages d’un même auteur (1 à 600)',
  },
  slow_minutes: { en: 'For how many minutes (1 to 1440)', fr: 'Pendant combien de minutes (1 à 1440)' },
  slow_on: { en: 'Slow down', fr: 'Ralentir' },
  slow_by: {
    en: 'slow mode, {n} s, by {by}, until {at}',
    fr: 'mode lent, {n} s, de {by}, jusqu’à {at}',
  },
  done_slow_on: { en: 'Slow mode: {n} s.', fr: 'Mode lent : {n} s.' },
  done_slow_off: { en: 'Slow mode is off.', fr: 'Le mode lent est terminé.' },
  error_slowed: {
    en: 'Too many channels in slow mode. End one.',
    fr: 'Trop de salons ralentis. Terminez-en un.',
  },
  error_seconds: { en: 'From 1 to 600 seconds.', fr: 'De 1 à 600 secondes.' },
  error_minutes: { en: 'From 1 to 1440 minutes.', fr: 'De 1 à 1440 minutes.' },
  alike: { en: 'All like it…', fr: 'Tous les semblables…' },
  alike_count: {
    en: '{held} held like it, of {senders} senders:',
    fr: '{held} retenus semblables, de {senders} auteurs :',
  },
  alike_release: { en: 'Release all', fr: 'Tout publier' },
  alike_remove: { en: 'Remove all', fr: 'Tout retirer' },
  alike_nuke: { en: 'Nuke…', fr: 'Interdire…' },
  done_alike_release: { en: '{n} released.', fr: '{n} publiés.' },
  done_alike_remove: { en: '{n} removed.', fr: '{n} retirés.' },
  done_alike_undo: { en: '{n} held again.', fr: '{n} de nouveau retenus.' },
  nukes: { en: 'Nukes', fr: 'Interdictions' },
  nuke_open: { en: 'Nuke…', fr: 'Interdire…' },
  nuke_title: {
    en: 'Nuke a text and everything like it',
    fr: 'Interdire un texte et ses semblables',
  },
  nuke_text: { en: 'Text', fr: 'Texte' },
  nuke_back: { en: 'Minutes back', fr: 'Minutes en arrière' },
  nuke_forward: { en: 'Minutes from now', fr: 'Minutes à venir' },
  nuke_action: { en: 'What comes like it is', fr: 'Ce qui arrive de semblable est' },
  nuke_drop: { en: 'dropped', fr: 'rejeté' },
  nuke_hold: { en: 'held', fr: 'retenu' },
  nuke_look: { en: 'Preview', fr: 'Aperçu' },
  nuke_fire: { en: 'Nuke', fr: 'Interdire' },
  nuke_look_first: { en: 'Look at the preview first.', fr: 'Regardez d’abord l’aperçu.' },
  nuke_meets: {
    en: '{held} held would be removed. {said} like it were said lately, by {senders} senders; what was shown stays.',
    fr: '{held} retenus seraient retirés. {said} semblables dits récemment par {senders} auteurs ; ce qui a été vu reste.',
  },
  nuke_exact: {
    en: 'It is short: only the same words are meant.',
    fr: 'Il est court : seuls les mêmes mots sont visés.',
  },
  nuke_drops: {
    en: 'drops for {time}, met {n}, by {by}',
    fr: 'rejette encore {time}, {n} touchés, par {by}',
  },
  nuke_holds: {
    en: 'holds for {time}, met {n}, by {by}',
    fr: 'retient encore {time}, {n} touchés, par {by}',
  },
  nuke_lift: { en: 'Lift', fr: 'Lever' },
  done_nuke: { en: 'Nuked; {n} removed.', fr: 'Interdit ; {n} retirés.' },
  done_nuke_lifted: { en: 'Lifted.', fr: 'Levé.' },
  error_nukes: {
    en: 'Too many nukes at once. Lift one.',
    fr: 'Trop d’interdictions. Levez-en une.',
  },
  error_text: { en: 'There is no text.', fr: 'Il n’y a pas de texte.' },
  error_back_minutes: { en: 'Back at most 60 minutes.', fr: 'En arrière, 60 minutes au plus.' },
  error_forward_minutes: { en: 'From 1 to 1440 minutes.', fr: 'De 1 à 1440 minutes.' },
  error_unknown_nuke: { en: 'It is over already.', fr: 'C’est déjà fini.' },
  threat: { en: 'threat', fr: 'menace' },
  hate: { en: 'hate', fr: 'haine' },
  harassment: { en: 'harassment', fr: 'harcèlement' },
  sexual: { en: 'sexual', fr: 'sexuel' },
  self_harm: { en: 'self-harm', fr: 'automutilation' },
  doxxing: { en: 'doxxing', fr: 'divulgation' },
  extremism: { en: 'extremism', fr: 'extrémisme' },
  profanity: { en: 'profanity', fr: 'grossièreté' },
  spam: { en: 'spam', fr: 'spam' },
  link: { en: 'link', fr: 'lien' },
  impersonation: { en: 'impersonation', fr: 'usurpation' },
  role_broadcaster: { en: 'streamer', fr: 'streamer' },
  role_moderator: { en: 'moderator', fr: 'modération' },
  role_vip: { en: 'VIP', fr: 'VIP' },
  role_subscriber: { en: 'subscriber', fr: 'abonné' },
  first: { en: 'new here', fr: 'première fois' },
  first_means: {
    en: 'The first message here, or the first for a while',
    fr: 'Premier message ici, ou premier depuis un moment',
  },
  strikes: { en: 'strikes: {n}', fr: 'avertissements : {n}' },
  refunds: { en: 'Paid and not shown (CSV)', fr: 'Payés et non publiés (CSV)' },
  pages: { en: 'Pages', fr: 'Pages' },
  page_queue: { en: 'Queue', fr: 'File' },
  page_try: { en: 'Try', fr: 'Essayer' },
  page_rules: { en: 'Rules', fr: 'Règles' },
  page_appeals: { en: 'Appeals', fr: 'Recours' },
  page_insights: { en: 'Insights', fr: 'Bilan' },
  viewer: { en: 'viewer', fr: 'observation' },
  moderator: { en: 'moderator', fr: 'modération' },
  admin: { en: 'admin', fr: 'administration' },
};

const LANGUAGES = ['en', 'fr'];
const KEPT = 'tidegate.language';
let spoken = chosen();

function chosen() {
  const wanted = [kept(), ...navigator.languages.map((tag) => tag.slice(0, 2))];
  return wanted.find((language) => LANGUAGES.includes(language)) ?? 'en';
}

// A browser may refuse storage; the language is then the browser's own each time.
function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

export function language() {
  return spoken;
}

export function speak(next) {
  spoken = next;
  try {
    localStorage.setItem(KEPT, next);
  } catch {
    /* as above */
  }
}

// The sentence with its {blanks} filled; the key itself if there is none.
export function say(key, blanks = {}) {
  const sentence = TABLE[key]?.[spoken] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => blanks[name] ?? whole);
}

// Takes in the sentences of one page more.
export function learn(more) {
  Object.assign(TABLE, more);
}

export function known(key) {
  return key in TABLE;
}

// "45 s", "12 min", "3 h": what is needed to decide, no more.
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return say('seconds', { n: whole });
  if (whole < 5400) return say('minutes', { n: Math.round(whole / 60) });
  return say('hours', { n: Math.round(whole / 3600) });
}

// "1 min", "24 h": a length that was chosen, exactly.
export function length(seconds) {
  if (seconds % 3600 === 0) return say('hours', { n: seconds / 3600 });
  if (seconds % 60 === 0) return say('minutes', { n: seconds / 60 });
  return say('seconds', { n: seconds });
}

// "1:48", for what is counted down.
export function countdown(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  if (whole >= 3600) return span(whole);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

// Making one takes longer than drawing the line that it is for.
const formats = new Map();

// A time as the language writes it, by the options of `Intl.DateTimeFormat`.
export function written(ms, options) {
  const key = spoken + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(spoken, options));
  return formats.get(key).format(new Date(ms));
}

export function clock(ms) {
  return written(ms, { timeStyle: 'medium' });
}

export function day(ms) {
  return written(ms, { dateStyle: 'medium', timeStyle: 'short' });
}

// Fills every element that names its sentence.
export function translate(root = document) {
  document.documentElement.lang = spoken;
  for (const element of root.querySelectorAll('[data-text]')) {
    element.textContent = say(element.dataset.text);
  }
  for (const element of root.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', say(element.dataset.label));
  }
}
