/* SPDX-License-Identifier: GPL-2.0-only */
/* The remapping unit, as firmware and its own registers have it. */
#ifndef IOMMU_NESTED_VTD_H
#define IOMMU_NESTED_VTD_H

#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/types.h>

/* Capability registers, section 11.4.2 and 11.4.3 of the architecture */
#define CAP_ND(r)		FIELD_GET(GENMASK_ULL(2, 0), r)
#define CAP_MGAW(r)		FIELD_GET(GENMASK_ULL(21, 16), r)
#define ECAP_PT(r)		FIELD_GET(BIT_ULL(6), r)
#define ECAP_NEST(r)		FIELD_GET(BIT_ULL(26), r)
#define ECAP_PSS(r)		FIELD_GET(GENMASK_ULL(39, 35), r)
#define ECAP_PASID(r)		FIELD_GET(BIT_ULL(40), r)
#define ECAP_SMTS(r)		FIELD_GET(BIT_ULL(43), r)
#define ECAP_SLADS(r)		FIELD_GET(BIT_ULL(45), r)
#define ECAP_SSTS(r)		FIELD_GET(BIT_ULL(46), r)
#define ECAP_FSTS(r)		FIELD_GET(BIT_ULL(47), r)

/* Fault recording register, section 11.4.14 */
#define FR0_ADDRESS(r)		((r)[0] & GENMASK_ULL(63, 12))
#define FR1_SID(r)		FIELD_GET(GENMASK_ULL(15, 0), (r)[1])
#define FR1_PP(r)		FIELD_GET(BIT_ULL(31), (r)[1])
#define FR1_REASON(r)		FIELD_GET(GENMASK_ULL(39, 32), (r)[1])
#define FR1_READ(r)		FIELD_GET(BIT_ULL(62), (r)[1])
#define FR1_F(r)		FIELD_GET(BIT_ULL(63), (r)[1])

/* Fault reasons, section 7.1.3 */
#define FR_SFS_2		0x71	/* a first-stage entry is not present */
#define FR_SGN_6		0x85	/* a write where that is not permitted */

struct vtd_unit {
	__u64 base;			/* of the registers */
	__u64 cap;
	__u64 ecap;
};

/**
 * vtd_read() - the first unit in the DMAR table
 *
 * Return: 0; -ENOENT when there is none; another negative errno.
 */
int vtd_read(struct vtd_unit *unit);

#endif
