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
#include <linux/types.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "the structures below are stored as the CPU stores them");

#define SMMU_MASK(hi, lo)	((~0ULL >> (63 - (hi))) & (~0ULL << (lo)))
/** SMMU_FIELD() - the value @v in the bits @hi to @lo of a word */
#define SMMU_FIELD(hi, lo, v)	(((__u64)(v) << (lo)) & SMMU_MASK(hi, lo))
/** SMMU_GET() - the bits @hi to @lo of a word */
#define SMMU_GET(word, hi, lo)	(((word) & SMMU_MASK(hi, lo)) >> (lo))

/* Identification registers, 6.3.1 to 6.3.6 */
#define IDR0_S2P(r)		SMMU_GET(r, 0, 0)
#define IDR0_S1P(r)		SMMU_GET(r, 1, 1)
#define IDR0_TTF(r)		SMMU_GET(r, 3, 2)
#define IDR0_HTTU(r)		SMMU_GET(r, 7, 6)
#define IDR0_ATS(r)		SMMU_GET(r, 10, 10)
#define IDR0_ASID16(r)		SMMU_GET(r, 12, 12)
#define IDR0_CD2L(r)		SMMU_GET(r, 19, 19)
#define IDR1_SIDSIZE(r)		SMMU_GET(r, 5, 0)
#define IDR1_SSIDSIZE(r)	SMMU_GET(r, 10, 6)
#define IDR3_RIL(r)		SMMU_GET(r, 10, 10)
#define IDR5_OAS(r)		SMMU_GET(r, 2, 0)
#define IDR5_GRAN4K(r)		SMMU_GET(r, 4, 4)
#define IDR5_GRAN16K(r)		SMMU_GET(r, 5, 5)
#define IDR5_GRAN64K(r)		SMMU_GET(r, 6, 6)

/* Stream table entry, 5.2: the two words that a guest may fill */
#define STE0_V			SMMU_FIELD(0, 0, 1)
#define STE0_CONFIG(v)		SMMU_FIELD(3, 1, v)
#define STE_CONFIG_ABORT	0
#define STE_CONFIG_BYPASS	4
#define STE_CONFIG_S1		5
#define STE_CONFIG_S2		6
#define STE_CONFIG_NESTED	7
#define STE0_S1FMT(v)		SMMU_FIELD(5, 4, v)
#define STE0_S1CONTEXTPTR	SMMU_MASK(55, 6)
#define STE0_S1CDMAX(v)		SMMU_FIELD(63, 59, v)
#define STE1_S1DSS(v)		SMMU_FIELD(1, 0, v)
#define STE_S1DSS_TERMINATE	0
#define STE_S1DSS_BYPASS	1
#define STE_S1DSS_SSID0		2
#define STE1_S1CIR(v)		SMMU_FIELD(3, 2, v)
#define STE1_S1COR(v)		SMMU_FIELD(5, 4, v)
#define STE1_S1CSH(v)		SMMU_FIELD(7, 6, v)
#define STE1_S1STALLD		SMMU_FIELD(27, 27, 1)
#define STE1_EATS(v)		SMMU_FIELD(29, 28, v)
#define STE_EATS_ABORT		0
#define STE_EATS_FULL		1
#define STE_EATS_S1CHK		2

#define SMMU_CACHE_WBRAWA	1
#define SMMU_SHARE_INNER	3

/* Context descriptor, 5.4 */
#define CD_WORDS		8
#define CD_SIZE			(CD_WORDS * 8)
#define CD0_T0SZ(v)		SMMU_FIELD(5, 0, v)
#define CD0_TG0(v)		SMMU_FIELD(7, 6, v)
#define CD0_IR0(v)		SMMU_FIELD(9, 8, v)
#define CD0_OR0(v)		SMMU_FIELD(11, 10, v)
#define CD0_SH0(v)		SMMU_FIELD(13, 12, v)
#define CD0_EPD1		SMMU_FIELD(30, 30, 1)
#define CD0_V			SMMU_FIELD(31, 31, 1)
#define CD0_IPS(v)		SMMU_FIELD(34, 32, v)
#define CD0_AA64		SMMU_FIELD(41, 41, 1)
#define CD0_R			SMMU_FIELD(45, 45, 1)
#define CD0_A			SMMU_FIELD(46, 46, 1)
#define CD0_ASET		SMMU_FIELD(47, 47, 1)
#define CD0_ASID(v)		SMMU_FIELD(63, 48, v)
#define CD1_TTB0		SMMU_MASK(51, 4)

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

#define CMD0_OPCODE(v)		SMMU_FIELD(7, 0, v)
#define CMD0_SSEC		SMMU_FIELD(10, 10, 1)
#define CMD0_SSV		SMMU_FIELD(11, 11, 1)
#define CMD0_SSID(v)		SMMU_FIELD(31, 12, v)
#define CMD0_SID(v)		SMMU_FIELD(63, 32, v)
#define CMD0_NUM(v)		SMMU_FIELD(16, 12, v)
#define CMD0_SCALE(v)		SMMU_FIELD(25, 20, v)
#define CMD0_VMID(v)		SMMU_FIELD(47, 32, v)
#define CMD0_ASID(v)		SMMU_FIELD(63, 48, v)
#define CMD1_LEAF		SMMU_FIELD(0, 0, 1)
#define CMD1_TTL(v)		SMMU_FIELD(9, 8, v)
#define CMD1_TG(v)		SMMU_FIELD(11, 10, v)
#define CMD1_ADDRESS		SMMU_MASK(63, 12)

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

#define EVT0_TYPE(e)		SMMU_GET((e)[0], 7, 0)
#define EVT0_SID(e)		SMMU_GET((e)[0], 63, 32)
#define EVT1_RNW(e)		SMMU_GET((e)[1], 35, 35)
#define EVT1_S2(e)		SMMU_GET((e)[1], 39, 39)
#define EVT1_CLASS(e)		SMMU_GET((e)[1], 41, 40)
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
