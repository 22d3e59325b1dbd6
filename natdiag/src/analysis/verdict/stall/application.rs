//! The application is slow, or hangs. It names no cause: nothing is wrong with the path.

use super::trouble::{Trouble, ln_no_holes, ln_stray_older};

pub(super) const APPLICATION: Trouble = Trouble {
    name: "application",
    // Most requests that nothing answers wait for a program.
    prior: 0.5,
    ln_holes: ln_no_holes,
    // Any number of connections may wait for it.
    ln_given_up: |_| 0.0,
    ln_older: ln_stray_older,
    accused: None,
};
