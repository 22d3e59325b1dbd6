//! How an interface comes under watch: what an earlier natdiag has left pinned is taken over together with what it
//! knew, or everything begins anew.

use natdiag_common::LinkType;

use super::{
    EngineError, EngineOptions,
    saved::{Carried, SavedInterface},
};
use crate::{
    analysis::Analysis,
    bpf::{
        attach::{AttachError, Attachment, attach, attach_and_pin, take_over},
        counters::Counters,
        load::Programs,
        load::WatchObject,
        pins::{PinError, PinFolder, PinRoot},
        program::LoadOptions,
        records::Records,
        sample::Draw,
    },
    error::in_full,
    event::Timestamp,
    host::link::Link,
};

/// Everything that an interface under watch begins with.
pub(super) struct Opened {
    pub(super) counters: Counters,
    pub(super) records: Records,
    pub(super) draw: Draw,
    pub(super) attachment: Attachment,
    pub(super) programs: Programs,
    pub(super) analysis: Analysis,
    pub(super) carried: Carried,
    /// The name of what is pinned, if something is.
    pub(super) generation: Option<String>,
    /// Whether what an earlier natdiag knew is gone on with.
    pub(super) goes_on: bool,
    /// What is to be known about it: one sentence each.
    pub(super) notes: Vec<String>,
}

/// Puts an interface under watch. `saved` is what an earlier run knew about one of its name.
pub(super) fn open(
    link: &Link,
    link_type: LinkType,
    options: &EngineOptions,
    saved: Option<SavedInterface<Analysis>>,
    now: Timestamp,
) -> Result<Opened, EngineError> {
    let load = LoadOptions::new(link_type);
    let Some(root) = &options.pins else {
        return anew(link, load, options);
    };
    match pinned(link, load, options, root, saved, now) {
        Err(EngineError::Attach(AttachError::Pin(error))) => {
            let why = in_full(&error);
            tracing::warn!(
                interface = link.name,
                why,
                "nothing is pinned: a restart will begin anew"
            );
            let mut opened = anew(link, load, options)?;
            opened.notes.push(format!(
                "it is not pinned, so that a restart begins anew: {why}"
            ));
            Ok(opened)
        }
        opened => opened,
    }
}

fn pinned(
    link: &Link,
    load: LoadOptions,
    options: &EngineOptions,
    root: &PinRoot,
    saved: Option<SavedInterface<Analysis>>,
    now: Timestamp,
) -> Result<Opened, EngineError> {
    let folder = root.of_interface(&link.name).map_err(AttachError::Pin)?;
    let mut notes = Vec::new();
    if !folder.is_empty() {
        let taken = match saved {
            Some(saved) => gone_on_with(link, load, options, &folder, saved, now),
            None => Err(PinError::Foreign("no saved state belongs to it".to_owned())),
        };
        match taken {
            Ok(opened) => {
                return Ok(Opened {
                    attachment: opened.attachment.pinned_in(folder),
                    ..opened
                });
            }
            Err(error) => {
                let why = in_full(&error);
                tracing::warn!(
                    interface = link.name,
                    why,
                    "what was pinned cannot be gone on with and is removed; counting begins anew"
                );
                notes.push(format!(
                    "what an earlier natdiag had pinned was removed: {why}"
                ));
                folder.clear().map_err(AttachError::Pin)?;
            }
        }
    }
    let mut object = WatchObject::open(load)?;
    let (attachment, generation) = attach_and_pin(&mut object, link, options.hook, &folder)?;
    notes.extend(notes_of(&attachment));
    Ok(Opened {
        counters: Counters::take(&mut object)?,
        records: Records::take(&mut object)?,
        draw: Draw::take(&mut object)?,
        attachment: attachment.pinned_in(folder),
        programs: Programs::Loaded(Box::new(object)),
        analysis: Analysis::default(),
        carried: Carried::start(link),
        generation: Some(generation),
        goes_on: false,
        notes,
    })
}

/// Goes on with what an earlier natdiag has pinned and saved.
fn gone_on_with(
    link: &Link,
    load: LoadOptions,
    options: &EngineOptions,
    folder: &PinFolder,
    saved: SavedInterface<Analysis>,
    now: Timestamp,
) -> Result<Opened, PinError> {
    let rungs = folder.check(link, load, &saved.generation)?;
    let unreadable = |error| PinError::Foreign(in_full(&error));
    let records = Records::pinned(folder, load, saved.counts.records()).map_err(unreadable)?;
    let counters =
        Counters::pinned(folder, load, saved.counts, saved.is_last).map_err(unreadable)?;
    let draw = Draw::pinned_in(folder).map_err(unreadable)?;
    let (attachment, programs) = take_over(link, options.hook, folder, rungs)?;
    let mut analysis = saved.analysis;
    // What came after the last of an earlier run is still in the rings.
    analysis.restore((!saved.is_last).then_some((saved.at, now)));
    Ok(Opened {
        counters,
        records,
        draw,
        attachment,
        programs,
        analysis,
        carried: saved.carried,
        generation: Some(saved.generation),
        goes_on: true,
        notes: saved.notes,
    })
}

/// Attaches, and pins nothing.
fn anew(link: &Link, load: LoadOptions, options: &EngineOptions) -> Result<Opened, EngineError> {
    let mut object = WatchObject::open(load)?;
    let counters = Counters::take(&mut object)?;
    let records = Records::take(&mut object)?;
    let draw = Draw::take(&mut object)?;
    let attachment = attach(&mut object, link, options.hook)?;
    Ok(Opened {
        notes: notes_of(&attachment),
        counters,
        records,
        draw,
        attachment,
        programs: Programs::Loaded(Box::new(object)),
        analysis: Analysis::default(),
        carried: Carried::start(link),
        generation: None,
        goes_on: false,
    })
}

/// Why these hooks, and what else is to be known about them.
fn notes_of(attachment: &Attachment) -> Vec<String> {
    let choice = attachment.choice_note().map(str::to_owned);
    choice
        .into_iter()
        .chain(attachment.notes().iter().cloned())
        .collect()
}
