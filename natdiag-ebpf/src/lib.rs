//! Empty: it lets cargo see that the BPF programs have changed.
#![no_std]
