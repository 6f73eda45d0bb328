// SPDX-License-Identifier: GPL-2.0

//! The registers that faults are recorded in (sections 7.3 and 11.4.14), a ring.

use super::{
    arch::{
        caps::Features,
        fault::Record, //
    },
    hw::Registers,
    regs::{
        self,
        Status, //
    },
};

/// Takes faults out of their registers and hands each to `report`, with the record as it was. One
/// at a time. Returns whether there were more than could be recorded. Any context that `report`
/// allows.
///
/// Those that come meanwhile may be left for the next time: whoever makes faults does not keep the
/// caller for ever.
pub(crate) fn drain(
    regs: &impl Registers,
    features: &Features,
    mut report: impl FnMut(&Record, [u64; 2]),
) -> bool {
    let status = Status(regs.read32(regs::FSTS));
    let records = features.fault_records;

    if status.is_gone() {
        return false;
    }
    if status.pending() {
        let first = status.first().min(records - 1);

        // All of them are looked at. The first is the one that was when there was none before: if
        // faults came while they were last taken out, it may be free by now, and others are not.
        for index in (first..records).chain(0..first) {
            let offset = features.fault_offset + index * regs::FRCD_SIZE;
            let words = [regs.read64(offset), regs.read64(offset + 8)];
            let Some(record) = Record::decode(words) else {
                continue;
            };

            // The register is free again.
            regs.write64(offset + 8, regs::FRCD_F);
            report(&record, words);
        }
    }
    if status.overflowed() {
        regs.write32(regs::FSTS, Status::OVERFLOW);
    }
    status.overflowed()
}
