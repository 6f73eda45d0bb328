// SPDX-License-Identifier: GPL-2.0

//! Faults as the unit records them are what the driver reads out of the records.

use super::{
    host::{
        Device,
        Guest,
        Host,
        Space, //
    },
    *, //
};
use crate::vtd::{
    arch::fault::{
        Record,
        Request, //
    },
    regs, //
};
use kernel::prelude::*;

const RID: u16 = 0x03f9;
const IOVA: u64 = 0x1_2345_6000;
const PASID: Option<u32> = Some(0x123);

/// Takes the fault out of the unit's `i`th record, if there is one.
fn take(host: &Host, i: usize) -> Option<Record> {
    let offset = host.features().fault_offset + i * regs::FRCD_SIZE;
    let record = Record::decode([host.model.read64(offset), host.model.read64(offset + 8)]);

    host.model.write64(offset + 8, regs::FRCD_F);
    record
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_records))]
mod cases {
    use super::*;

    #[test]
    fn of_any_attachment() -> Result {
        let model = Model::new(Config::RICH)?;
        let host = Host::new(&model)?;

        host.engine.start()?;

        let spaces = [
            Space::new(&host, Purpose::FirstStage)?,
            Space::new(&host, Purpose::SecondStage)?,
            Space::new(&host, Purpose::NestParent)?,
        ];
        let guest = Guest::new(&spaces[2])?;
        let device = Device::new(&host, RID, false)?;
        let mut taken = 0;

        // The guest maps what it does not have.
        guest.map(IOVA, 0x7000)?;
        for pasid in [None, PASID] {
            for to in [
                Attachment::Blocked,
                spaces[0].to(),
                spaces[1].to(),
                guest.to(),
            ] {
                device.attach(pasid, to)?;
                for (write, request) in [(false, Request::Read), (true, Request::Write)] {
                    let Err(reason) = model.dma(RID, pasid, IOVA + 8, write) else {
                        return Err(EINVAL);
                    };
                    let record = take(&host, taken % host.features().fault_records);

                    taken += 1;
                    assert!(record.is_some_and(|record| {
                        // CAST: The discriminant is the code.
                        record.reason.code() == reason as u8
                            && record.sid == RID
                            && record.pasid == pasid
                            && record.request == request
                            && record.address == IOVA
                    }));
                }
            }
        }
        assert_eq!(model.read32(regs::FSTS) & 0xff, 0);
        device.release()
    }
}
