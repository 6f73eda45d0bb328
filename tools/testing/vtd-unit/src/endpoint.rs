// SPDX-License-Identifier: GPL-2.0

//! A function that does DMA: to software it is QEMU's `edu`, with ATS, PRI and PASIDs in addition.
//!
//! Its DMA is done when the command was written, and what is refused leaves no trace.

use crate::{
    config::{
        Config,
        Identity, //
    },
    server::{
        Function,
        Interrupt, //
    },
    vtd::model::requests::Ask,
    world::{
        Line,
        Requester, //
    },
};
use std::io;

/// Registers, as offsets in its memory.
mod register {
    pub(super) const IDENTITY: u64 = 0x00;
    pub(super) const INTERRUPT_STATUS: u64 = 0x24;
    pub(super) const INTERRUPT_RAISE: u64 = 0x60;
    pub(super) const INTERRUPT_ACK: u64 = 0x64;
    pub(super) const SOURCE: u64 = 0x80;
    pub(super) const DESTINATION: u64 = 0x88;
    pub(super) const COUNT: u64 = 0x90;
    pub(super) const COMMAND: u64 = 0x98;

    // These are not of `edu`.

    /// How requests are made: with a PASID, by translations of the function's own.
    pub(super) const MODE: u64 = 0xa0;
    /// The address of a page request.
    pub(super) const PAGE: u64 = 0xa8;
    /// Asks for the page.
    pub(super) const ASK: u64 = 0xb0;
    /// The oldest answer that was not read, 0 if there is none.
    pub(super) const ANSWER: u64 = 0xb8;
}

/// `edu` is version 1.0, this is 1.1.
const VERSION: u64 = 0x0101_00ed;
const COMMAND_RUN: u64 = 1 << 0;
const COMMAND_TO_MEMORY: u64 = 1 << 1;
const MODE_PASID: u64 = 1 << 31;
const MODE_OWN: u64 = 1 << 30;
const ASK_READ: u64 = 1 << 0;
const ASK_WRITE: u64 = 1 << 1;
const ASK_LAST: u64 = 1 << 2;
/// Where the number of the group is, of 9 bits.
const ASK_GROUP: u32 = 8;
const ANSWER_VALID: u64 = 1 << 31;
/// Where the number of the group is.
const ANSWER_GROUP: u32 = 8;

/// Where its buffer is for its own DMA.
const BUFFER: u64 = 0x4_0000;
const BUFFER_SIZE: usize = 4096;

/// The function.
pub(crate) struct Endpoint {
    rid: u16,
    config: Config,
    line: Line,
    buffer: [u8; BUFFER_SIZE],
    source: u64,
    destination: u64,
    count: u64,
    interrupts: u64,
    mode: u64,
    page: u64,
}

impl Endpoint {
    /// The function with the requester ID `rid`, behind the unit of `line`.
    pub(crate) fn new(rid: u16, line: Line) -> Self {
        Self {
            rid,
            config: Config::new(&Identity {
                vendor: 0x1234,
                device: 0x11e8,
                class: 0x00_ff00,
                capable: true,
            }),
            line,
            buffer: [0; BUFFER_SIZE],
            source: 0,
            destination: 0,
            count: 0,
            interrupts: 0,
            mode: 0,
            page: 0,
        }
    }

    /// Who makes requests now, if the function may make such.
    fn requester(&self) -> Option<Requester> {
        let (with_pasid, own) = (self.mode & MODE_PASID != 0, self.mode & MODE_OWN != 0);

        if with_pasid && !self.config.pasid() || own && !self.config.ats() {
            return None;
        }
        Some(Requester {
            rid: self.rid,
            // CAST: 20 bits.
            pasid: with_pasid.then_some((self.mode & 0xf_ffff) as u32),
            own,
        })
    }

    fn transfer(&mut self, to_memory: bool) -> io::Result<()> {
        let (inside, outside) = match to_memory {
            true => (self.source, self.destination),
            false => (self.destination, self.source),
        };
        let range = inside
            .checked_sub(BUFFER)
            .and_then(|start| usize::try_from(start).ok())
            .zip(usize::try_from(self.count).ok())
            .and_then(|(start, count)| Some(start..start.checked_add(count)?))
            .filter(|range| range.end <= BUFFER_SIZE);
        let (Some(range), Some(requester)) = (range, self.requester()) else {
            return Ok(());
        };
        let mut data = self.buffer[range.clone()].to_vec();

        if to_memory {
            self.line
                .ask(move |world| world.store(requester, outside, &data))?;
        } else {
            let data = self.line.ask(move |world| {
                world.load(requester, outside, &mut data);
                data
            })?;

            self.buffer[range].copy_from_slice(&data);
        }
        Ok(())
    }

    /// Asks for a page, if the function may.
    fn ask(&self, how: u64) -> io::Result<()> {
        let Some(requester) = self.requester().filter(|_| self.config.pri()) else {
            return Ok(());
        };
        let ask = Ask {
            rid: requester.rid,
            pasid: requester.pasid,
            // CAST: 9 bits.
            group: (how >> ASK_GROUP & 0x1ff) as u16,
            address: self.page,
            read: how & ASK_READ != 0,
            write: how & ASK_WRITE != 0,
            last: how & ASK_LAST != 0,
            junk: 0,
        };

        self.line
            .ask(move |world| {
                let asked = world.model.ask(ask);

                world.model.arrive();
                asked
            })?
            .map_err(|_| io::ErrorKind::OutOfMemory.into())
    }

    fn answer(&self) -> io::Result<u64> {
        let rid = self.rid;
        let answer = self.line.ask(move |world| world.answer(rid))?;

        Ok(answer.map_or(0, |answer| {
            ANSWER_VALID | u64::from(answer.group) << ANSWER_GROUP | u64::from(answer.code)
        }))
    }
}

impl Function for Endpoint {
    const SIZE: u64 = 1 << 20;
    const INTERRUPTS: u32 = 1;

    fn config(&mut self) -> &mut Config {
        &mut self.config
    }

    fn read(&mut self, offset: u64, data: &mut [u8]) -> io::Result<()> {
        let value = match offset {
            register::IDENTITY => VERSION,
            register::INTERRUPT_STATUS => self.interrupts,
            register::SOURCE => self.source,
            register::DESTINATION => self.destination,
            register::COUNT => self.count,
            register::MODE => self.mode,
            register::PAGE => self.page,
            register::ANSWER => self.answer()?,
            _ => 0,
        };

        for (byte, value) in data.iter_mut().zip(value.to_le_bytes()) {
            *byte = value;
        }
        Ok(())
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> io::Result<Interrupt> {
        let mut bytes = [0; 8];

        for (byte, value) in bytes.iter_mut().zip(data) {
            *byte = *value;
        }

        let value = u64::from_le_bytes(bytes);

        match offset {
            register::INTERRUPT_RAISE => {
                self.interrupts |= value;
                return Ok(Interrupt::Raise);
            }
            register::INTERRUPT_ACK => self.interrupts &= !value,
            register::SOURCE => self.source = value,
            register::DESTINATION => self.destination = value,
            register::COUNT => self.count = value,
            register::MODE => self.mode = value,
            register::PAGE => self.page = value,
            register::ASK => self.ask(value)?,
            register::COMMAND if value & COMMAND_RUN != 0 => {
                self.transfer(value & COMMAND_TO_MEMORY != 0)?;
            }
            _ => (),
        }
        Ok(Interrupt::None)
    }

    fn configured(&mut self) -> io::Result<()> {
        let (rid, on) = (self.rid, self.config.ats());

        self.line
            .ask(move |world| world.model.set_ats(rid, on))?
            .map_err(|_| io::ErrorKind::OutOfMemory.into())
    }

    fn reset(&mut self) -> io::Result<()> {
        self.interrupts = 0;
        self.mode = 0;
        Ok(())
    }
}
