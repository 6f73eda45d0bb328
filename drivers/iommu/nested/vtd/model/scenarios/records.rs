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
    records,
    regs, //
};
use kernel::prelude::*;

const RID: u16 = 0x03f9;
const IOVA: u64 = 0x1_2345_6000;
const PASID: Option<u32> = Some(0x123);

/// Takes out the faults that there are. `during` is done after each. Returns how many there were,
/// the last of them, and whether some were lost.
fn take(host: &Host, mut during: impl FnMut()) -> (usize, Option<Record>, bool) {
    let mut taken = (0, None);
    let lost = records::drain(&host.model, host.features(), |record, _| {
        taken = (taken.0 + 1, Some(*record));
        during();
    });

    (taken.0, taken.1, lost)
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
                    let (taken, record, lost) = take(&host, || ());

                    assert!(taken == 1 && !lost);
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

    /// Faults that come while others are taken out are left for later at most.
    #[test]
    fn in_between() -> Result {
        let model = Model::new(Config::RICH)?;
        let host = Host::new(&model)?;
        let room = host.features().fault_records;
        let fault = || model.dma(RID, None, IOVA, true).is_err();

        host.engine.start()?;

        let device = Device::new(&host, RID, false)?;

        // From each register as the first.
        for _ in 0..room {
            let mut more = room;

            assert!(fault());
            // When the first was taken out there is none; then all registers are used once more.
            let (taken, _, lost) = take(&host, || {
                for _ in 0..core::mem::take(&mut more) {
                    fault();
                }
            });
            assert!(taken == room && !lost);
            assert!(matches!(take(&host, || ()), (1, Some(_), false)));
            assert!(matches!(take(&host, || ()), (0, None, false)));
        }
        assert_eq!(model.read32(regs::FSTS) & 0xff, 0);
        device.release()
    }

    /// Where there is no room faults are lost; those that were recorded are not, nor later ones.
    #[test]
    fn overflow() -> Result {
        let model = Model::new(Config::RICH)?;
        let host = Host::new(&model)?;
        let room = host.features().fault_records;

        host.engine.start()?;

        let device = Device::new(&host, RID, false)?;

        for faults in [room, room + 1, 3 * room] {
            for _ in 0..faults {
                assert!(model.dma(RID, None, IOVA, true).is_err());
            }
            assert!(matches!(take(&host, || ()), (n, Some(_), lost)
                if n == room && lost == (faults > room)));
        }
        assert!(model.dma(RID, None, IOVA, true).is_err());
        assert!(matches!(take(&host, || ()), (1, Some(_), false)));
        device.release()
    }
}
