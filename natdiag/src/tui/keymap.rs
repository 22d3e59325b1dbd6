//! What a key does. One table serves the lookup and the help, so that help cannot lie. Pure.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What the person at the terminal is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Looking around.
    Look,
    /// Typing a filter.
    Type,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// To the first line.
    Top,
    /// To the last line.
    Bottom,
    /// Open what is chosen.
    Open,
    /// Back to where that was opened; in the list, without the filter.
    Back,
    /// The remote host after this one.
    Next,
    /// The remote host before this one.
    Previous,
    /// Begin to type a filter.
    Filter,
    /// The next order.
    Sort,
    /// The order the other way round.
    Reverse,
    /// Columns about something else.
    Topic,
    /// Hold still, or go on.
    Pause,
    /// Write the report to a file.
    Export,
    /// Copy what is known about the remote host.
    Copy,
    /// Show the causes, or the remote hosts again.
    Causes,
    /// Show the help, or what was there before.
    Help,
    /// Draw everything again.
    Redraw,
    /// Go to the background.
    Suspend,
    /// Back, or out of natdiag where there is nothing to go back to.
    Quit,
    /// Out of natdiag.
    End,
    /// A letter of the filter.
    Letter(char),
    /// Take the last letter of the filter away.
    Erase,
    /// Take all letters away.
    EraseAll,
    /// Keep the filter.
    Keep,
    /// Forget what was typed.
    Cancel,
}

/// Keys that do the same, and what help says about them.
pub(crate) struct Binding {
    keys: &'static [(KeyCode, KeyModifiers)],
    action: Action,
    /// The keys, as help names them.
    pub(crate) names: &'static str,
    /// What they do.
    pub(crate) does: &'static str,
}

#[cfg(test)]
impl Binding {
    /// What they ask for.
    pub(crate) const fn action(&self) -> Action {
        self.action
    }
}

const NONE: KeyModifiers = KeyModifiers::NONE;
const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

const fn letter(letter: char) -> (KeyCode, KeyModifiers) {
    (KeyCode::Char(letter), NONE)
}

const fn control(letter: char) -> (KeyCode, KeyModifiers) {
    (KeyCode::Char(letter), CONTROL)
}

const fn key(code: KeyCode) -> (KeyCode, KeyModifiers) {
    (code, NONE)
}

const fn bind(
    action: Action,
    keys: &'static [(KeyCode, KeyModifiers)],
    names: &'static str,
    does: &'static str,
) -> Binding {
    Binding {
        keys,
        action,
        names,
        does,
    }
}

/// Keys while looking around, in the order of the help.
pub(crate) const LOOKING: &[Binding] = &[
    bind(
        Action::Down,
        &[key(KeyCode::Down), letter('j'), control('n')],
        "↓ j Ctrl-N",
        "one line down",
    ),
    bind(
        Action::Up,
        &[key(KeyCode::Up), letter('k'), control('p')],
        "↑ k Ctrl-P",
        "one line up",
    ),
    bind(
        Action::PageDown,
        &[
            key(KeyCode::PageDown),
            letter(' '),
            letter('f'),
            control('f'),
            control('d'),
        ],
        "PgDn Space f Ctrl-F Ctrl-D",
        "one page down",
    ),
    bind(
        Action::PageUp,
        &[
            key(KeyCode::PageUp),
            letter('b'),
            control('b'),
            control('u'),
        ],
        "PgUp b Ctrl-B Ctrl-U",
        "one page up",
    ),
    bind(
        Action::Top,
        &[letter('g'), key(KeyCode::Home)],
        "g Home",
        "to the top",
    ),
    bind(
        Action::Bottom,
        &[letter('G'), key(KeyCode::End)],
        "G End",
        "to the bottom",
    ),
    bind(
        Action::Open,
        &[key(KeyCode::Enter), key(KeyCode::Right), letter('l')],
        "Enter → l",
        "details of the remote host; its hosts, of a cause",
    ),
    bind(
        Action::Back,
        &[
            key(KeyCode::Esc),
            key(KeyCode::Left),
            letter('h'),
            key(KeyCode::Backspace),
        ],
        "Esc ← h Backspace",
        "back; in the list, drop the filter",
    ),
    bind(
        Action::Next,
        &[letter('n'), key(KeyCode::Tab)],
        "n Tab",
        "the next remote host",
    ),
    bind(
        Action::Previous,
        &[letter('N'), key(KeyCode::BackTab)],
        "N Shift-Tab",
        "the remote host before",
    ),
    bind(
        Action::Filter,
        &[letter('/')],
        "/",
        "filter: words of address, network, cause or interface",
    ),
    bind(Action::Sort, &[letter('s')], "s", "sort by the next column"),
    bind(
        Action::Reverse,
        &[letter('S'), letter('r')],
        "S r",
        "the other way round",
    ),
    bind(
        Action::Topic,
        &[letter('v')],
        "v",
        "columns about established connections, or about how they are opened again",
    ),
    bind(
        Action::Pause,
        &[letter('p')],
        "p",
        "hold the screen still, or go on; counting never stops",
    ),
    bind(
        Action::Causes,
        &[letter('c')],
        "c",
        "the causes found, or the remote hosts again",
    ),
    bind(
        Action::Export,
        &[letter('e')],
        "e",
        "write the report to a file here, as Markdown",
    ),
    bind(
        Action::Copy,
        &[letter('y')],
        "y",
        "copy a note for the owner of the remote host: what was seen and what to do",
    ),
    bind(
        Action::Redraw,
        &[control('l')],
        "Ctrl-L",
        "draw the screen again",
    ),
    bind(
        Action::Suspend,
        &[control('z')],
        "Ctrl-Z",
        "to the background; `fg` comes back",
    ),
    bind(
        Action::Help,
        &[letter('?'), key(KeyCode::F(1))],
        "? F1",
        "this help",
    ),
    bind(
        Action::Quit,
        &[letter('q')],
        "q",
        "back; in the list, end with the report",
    ),
    bind(
        Action::End,
        &[control('c')],
        "Ctrl-C",
        "end with the report",
    ),
];

/// Keys while typing a filter; all others are letters of it.
pub(crate) const TYPING: &[Binding] = &[
    bind(
        Action::Keep,
        &[key(KeyCode::Enter)],
        "Enter",
        "keep the filter",
    ),
    bind(
        Action::Cancel,
        &[key(KeyCode::Esc)],
        "Esc",
        "back to the filter before",
    ),
    bind(
        Action::Erase,
        &[key(KeyCode::Backspace), control('h')],
        "Backspace",
        "take the last letter away",
    ),
    bind(
        Action::EraseAll,
        &[control('u')],
        "Ctrl-U",
        "take all letters away",
    ),
    bind(
        Action::Suspend,
        &[control('z')],
        "Ctrl-Z",
        "to the background",
    ),
    bind(
        Action::End,
        &[control('c')],
        "Ctrl-C",
        "end with the report",
    ),
];

/// What a key asks for.
pub(crate) fn lookup(key: KeyEvent, mode: Mode) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    // Whether Shift was down shows in the letter.
    let pressed = (key.code, key.modifiers - KeyModifiers::SHIFT);
    let table = match mode {
        Mode::Look => LOOKING,
        Mode::Type => TYPING,
    };
    let bound = table.iter().find(|binding| binding.keys.contains(&pressed));
    match (bound, mode, pressed) {
        (Some(binding), _, _) => Some(binding.action),
        (None, Mode::Type, (KeyCode::Char(letter), NONE)) => Some(Action::Letter(letter)),
        (None, _, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(code: KeyCode, modifiers: KeyModifiers, mode: Mode) -> Option<Action> {
        lookup(KeyEvent::new(code, modifiers), mode)
    }

    #[test]
    fn keys_of_less_htop_and_vim_do_what_they_do_there() {
        for (code, modifiers, want) in [
            (KeyCode::Char('j'), NONE, Some(Action::Down)),
            (KeyCode::Up, NONE, Some(Action::Up)),
            (KeyCode::Char(' '), NONE, Some(Action::PageDown)),
            (
                KeyCode::Char('G'),
                KeyModifiers::SHIFT,
                Some(Action::Bottom),
            ),
            (KeyCode::Char('g'), NONE, Some(Action::Top)),
            (KeyCode::Char('c'), CONTROL, Some(Action::End)),
            (KeyCode::Char('c'), NONE, Some(Action::Causes)),
            (
                KeyCode::BackTab,
                KeyModifiers::SHIFT,
                Some(Action::Previous),
            ),
            (KeyCode::Char('x'), NONE, None),
            (KeyCode::Char('q'), KeyModifiers::ALT, None),
        ] {
            assert_eq!(press(code, modifiers, Mode::Look), want, "{code:?}");
        }
    }

    #[test]
    fn letters_are_typed_into_a_filter_and_ctrl_c_still_ends() {
        let typed = |code, modifiers| press(code, modifiers, Mode::Type);
        assert_eq!(typed(KeyCode::Char('q'), NONE), Some(Action::Letter('q')));
        assert_eq!(
            typed(KeyCode::Char('Q'), KeyModifiers::SHIFT),
            Some(Action::Letter('Q'))
        );
        assert_eq!(typed(KeyCode::Char('c'), CONTROL), Some(Action::End));
        assert_eq!(typed(KeyCode::Enter, NONE), Some(Action::Keep));
        assert_eq!(typed(KeyCode::Char('x'), CONTROL), None);
    }

    #[test]
    fn no_key_has_two_meanings() {
        for table in [LOOKING, TYPING] {
            let keys: Vec<_> = table.iter().flat_map(|binding| binding.keys).collect();
            for (place, key) in keys.iter().enumerate() {
                assert!(!keys[..place].contains(key), "{key:?}");
            }
        }
    }
}
