/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest of an Arm SMMUv3 writes: stream table entries, context
 * descriptors and commands; and what it reads: identification registers and
 * events. Names and layouts are those of Arm IHI 0070, sections 4 to 7.
 *
 * Everything is little-endian in memory; the machine under test is, too.
 */
#ifndef IOMMU_NESTED_SMMUV3_H
#define IOMMU_NESTED_SMMUV3_H

#include <stdbool.h>
#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/types.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	      "the structures below are stored as the CPU stores them");

/* Identification registers, 6.3.1 to 6.3.6 */
#define IDR0_S2P(r)		FIELD_GET(GENMASK_ULL(0, 0), r)
#define IDR0_S1P(r)		FIELD_GET(GENMASK_ULL(1, 1), r)
#define IDR0_TTF(r)		FIELD_GET(GENMASK_ULL(3, 2), r)
#define IDR0_HTTU(r)		FIELD_GET(GENMASK_ULL(7, 6), r)
#define IDR0_ATS(r)		FIELD_GET(GENMASK_ULL(10, 10), r)
#define IDR0_ASID16(r)		FIELD_GET(GENMASK_ULL(12, 12), r)
#define IDR0_CD2L(r)		FIELD_GET(GENMASK_ULL(19, 19), r)
#define IDR0_STALL_MODEL(r)	FIELD_GET(GENMASK_ULL(25, 24), r)
#define IDR1_SIDSIZE(r)		FIELD_GET(GENMASK_ULL(5, 0), r)
#define IDR1_SSIDSIZE(r)	FIELD_GET(GENMASK_ULL(10, 6), r)
#define IDR3_RIL(r)		FIELD_GET(GENMASK_ULL(10, 10), r)
#define IDR5_OAS(r)		FIELD_GET(GENMASK_ULL(2, 0), r)
#define IDR5_GRAN4K(r)		FIELD_GET(GENMASK_ULL(4, 4), r)
#define IDR5_GRAN16K(r)		FIELD_GET(GENMASK_ULL(5, 5), r)
#define IDR5_GRAN64K(r)		FIELD_GET(GENMASK_ULL(6, 6), r)

/* Stream table entry, 5.2: the two words that a guest may fill */
#define STE0_V			BIT_ULL(0)
#define STE0_CONFIG(v)		FIELD_PREP(GENMASK_ULL(3, 1), v)
#define STE_CONFIG_ABORT	0
#define STE_CONFIG_BYPASS	4
#define STE_CONFIG_S1		5
#define STE_CONFIG_S2		6
#define STE_CONFIG_NESTED	7
#define STE0_S1FMT(v)		FIELD_PREP(GENMASK_ULL(5, 4), v)
#define STE0_S1CONTEXTPTR	GENMASK_ULL(55, 6)
#define STE0_S1CDMAX(v)		FIELD_PREP(GENMASK_ULL(63, 59), v)
#define STE1_S1DSS(v)		FIELD_PREP(GENMASK_ULL(1, 0), v)
#define STE_S1DSS_TERMINATE	0
#define STE_S1DSS_BYPASS	1
#define STE_S1DSS_SSID0		2
#define STE1_S1CIR(v)		FIELD_PREP(GENMASK_ULL(3, 2), v)
#define STE1_S1COR(v)		FIELD_PREP(GENMASK_ULL(5, 4), v)
#define STE1_S1CSH(v)		FIELD_PREP(GENMASK_ULL(7, 6), v)
#define STE1_S1STALLD		BIT_ULL(27)
#define STE1_EATS(v)		FIELD_PREP(GENMASK_ULL(29, 28), v)
#define STE_EATS_ABORT		0
#define STE_EATS_FULL		1
#define STE_EATS_S1CHK		2

#define SMMU_CACHE_WBRAWA	1
#define SMMU_SHARE_INNER	3

/* Context descriptor, 5.4 */
#define CD_WORDS		8
#define CD_SIZE			(CD_WORDS * 8)
#define CD0_T0SZ(v)		FIELD_PREP(GENMASK_ULL(5, 0), v)
#define CD0_TG0(v)		FIELD_PREP(GENMASK_ULL(7, 6), v)
#define CD0_IR0(v)		FIELD_PREP(GENMASK_ULL(9, 8), v)
#define CD0_OR0(v)		FIELD_PREP(GENMASK_ULL(11, 10), v)
#define CD0_SH0(v)		FIELD_PREP(GENMASK_ULL(13, 12), v)
#define CD0_EPD1		BIT_ULL(30)
#define CD0_V			BIT_ULL(31)
#define CD0_IPS(v)		FIELD_PREP(GENMASK_ULL(34, 32), v)
#define CD0_AA64		BIT_ULL(41)
#define CD0_R			BIT_ULL(45)
#define CD0_A			BIT_ULL(46)
#define CD0_ASET		BIT_ULL(47)
#define CD0_ASID(v)		FIELD_PREP(GENMASK_ULL(63, 48), v)
#define CD0_GET_T0SZ(w)		FIELD_GET(GENMASK_ULL(5, 0), w)
#define CD0_GET_TG0(w)		FIELD_GET(GENMASK_ULL(7, 6), w)
#define CD0_GET_ASID(w)		FIELD_GET(GENMASK_ULL(63, 48), w)
#define CD1_TTB0		GENMASK_ULL(51, 4)

/* Commands, 4.1 to 4.7 */
#define CMD_PREFETCH_CONFIG	0x01
#define CMD_PREFETCH_ADDR	0x02
#define CMD_CFGI_STE		0x03
#define CMD_CFGI_ALL		0x04
#define CMD_CFGI_CD		0x05
#define CMD_CFGI_CD_ALL		0x06
#define CMD_CFGI_VMS_PIDM	0x07
#define CMD_TLBI_NH_ALL		0x10
#define CMD_TLBI_NH_ASID	0x11
#define CMD_TLBI_NH_VA		0x12
#define CMD_TLBI_NH_VAA		0x13
#define CMD_TLBI_EL3_ALL	0x18
#define CMD_TLBI_EL3_VA		0x1a
#define CMD_TLBI_EL2_ALL	0x20
#define CMD_TLBI_EL2_ASID	0x21
#define CMD_TLBI_EL2_VA		0x22
#define CMD_TLBI_EL2_VAA	0x23
#define CMD_TLBI_S12_VMALL	0x28
#define CMD_TLBI_S2_IPA		0x2a
#define CMD_TLBI_NSNH_ALL	0x30
#define CMD_ATC_INV		0x40
#define CMD_PRI_RESP		0x41
#define CMD_RESUME		0x44
#define CMD_STALL_TERM		0x45
#define CMD_SYNC		0x46

#define CMD0_OPCODE(v)		FIELD_PREP(GENMASK_ULL(7, 0), v)
#define CMD0_SSEC		BIT_ULL(10)
#define CMD0_SSV		BIT_ULL(11)
#define CMD0_SSID(v)		FIELD_PREP(GENMASK_ULL(31, 12), v)
#define CMD0_SID(v)		FIELD_PREP(GENMASK_ULL(63, 32), v)
#define CMD0_NUM(v)		FIELD_PREP(GENMASK_ULL(16, 12), v)
#define CMD0_SCALE(v)		FIELD_PREP(GENMASK_ULL(25, 20), v)
#define CMD0_VMID(v)		FIELD_PREP(GENMASK_ULL(47, 32), v)
#define CMD0_ASID(v)		FIELD_PREP(GENMASK_ULL(63, 48), v)
#define CMD1_LEAF		BIT_ULL(0)
#define CMD1_TTL(v)		FIELD_PREP(GENMASK_ULL(9, 8), v)
#define CMD1_TG(v)		FIELD_PREP(GENMASK_ULL(11, 10), v)
#define CMD1_ADDRESS		GENMASK_ULL(63, 12)

/* Events, 7.3 */
#define EVT_C_BAD_STE		0x04
#define EVT_F_STREAM_DISABLED	0x06
#define EVT_C_BAD_SUBSTREAMID	0x08
#define EVT_F_CD_FETCH		0x09
#define EVT_C_BAD_CD		0x0a
#define EVT_F_TRANSLATION	0x10
#define EVT_F_ADDR_SIZE		0x11
#define EVT_F_ACCESS		0x12
#define EVT_F_PERMISSION	0x13

#define EVT0_TYPE(e)		FIELD_GET(GENMASK_ULL(7, 0), (e)[0])
#define EVT0_SID(e)		FIELD_GET(GENMASK_ULL(63, 32), (e)[0])
#define EVT1_RNW(e)		FIELD_GET(GENMASK_ULL(35, 35), (e)[1])
#define EVT1_S2(e)		FIELD_GET(GENMASK_ULL(39, 39), (e)[1])
#define EVT1_CLASS(e)		FIELD_GET(GENMASK_ULL(41, 40), (e)[1])
#define EVT_CLASS_CD		0ULL
#define EVT_CLASS_TTD		1ULL
#define EVT_CLASS_IN		2ULL
#define EVT2_ADDRESS(e)		((e)[2])

/** smmu_event_name() - the architecture's name of an event number */
const char *smmu_event_name(unsigned int type);

/** smmu_oas_bits() - the width in bits that IDR5.OAS (or CD.IPS) encodes */
unsigned int smmu_oas_bits(unsigned int oas);

struct smmu_cmd {
	__u64 w[2];
};

static inline struct smmu_cmd smmu_cmd(unsigned int opcode)
{
	return (struct smmu_cmd){ { CMD0_OPCODE(opcode), 0 } };
}

static inline struct smmu_cmd smmu_tlbi_asid(__u16 asid)
{
	return (struct smmu_cmd){ { CMD0_OPCODE(CMD_TLBI_NH_ASID) |
				    CMD0_ASID(asid), 0 } };
}

static inline struct smmu_cmd smmu_tlbi_va(__u16 asid, __u64 iova)
{
	return (struct smmu_cmd){ { CMD0_OPCODE(CMD_TLBI_NH_VA) |
				    CMD0_ASID(asid),
				    (iova & CMD1_ADDRESS) | CMD1_LEAF } };
}

static inline struct smmu_cmd smmu_tlbi_vaa(__u64 iova)
{
	return (struct smmu_cmd){ { CMD0_OPCODE(CMD_TLBI_NH_VAA),
				    (iova & CMD1_ADDRESS) | CMD1_LEAF } };
}

static inline struct smmu_cmd smmu_cfgi_cd(__u32 sid, __u32 ssid)
{
	return (struct smmu_cmd){ { CMD0_OPCODE(CMD_CFGI_CD) | CMD0_SSID(ssid) |
				    CMD0_SID(sid), CMD1_LEAF } };
}

static inline struct smmu_cmd smmu_cfgi_cd_all(__u32 sid)
{
	return (struct smmu_cmd){ { CMD0_OPCODE(CMD_CFGI_CD_ALL) |
				    CMD0_SID(sid), 0 } };
}

#endif
