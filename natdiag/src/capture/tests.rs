//! Captures in every form that they come in, whole and cut, sound and damaged.

mod damage;
mod formats;
mod options;
mod sample;
mod tshark;
