/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's "edu" PCI device, driven through its vfio character device.
 *
 * The device owns a 4 KiB buffer that only its DMA engine can reach: a load
 * copies memory into the buffer, a store copies the buffer to memory. It does
 * not report failed DMA: a refused store leaves memory as it was, a refused
 * load leaves the buffer without the data.
 */
#ifndef IOMMU_NESTED_EDU_H
#define IOMMU_NESTED_EDU_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/bits.h>
#include <linux/types.h>

#define EDU_VENDOR		0x1234
#define EDU_DEVICE		0x11e8
#define EDU_BUFFER_SIZE		4096

struct edu {
	unsigned int nth;		/* of the machine's edu devices */
	char bdf[16];			/* 0000:00:02.0 */
	int fd;				/* vfio device */
	int group;			/* vfio group, of a device in a container */
	__u32 dev;			/* iommufd's ID of the bound device */
	void *bar;
	size_t bar_size;
	__u32 flags;			/* VFIO_DEVICE_FLAGS_* */
};

/** edu_count() - how many edu devices the machine has */
unsigned int edu_count(void);

/**
 * edu_open() - take the @nth edu device and bind it to an iommufd context
 *
 * Moves the device to vfio-pci where another driver or none has it, and turns
 * on memory decoding and bus mastering.
 *
 * Return: 0; -ENODEV when there is no such device; another negative errno.
 */
int edu_open(struct edu *edu, unsigned int nth, int iommufd);

/** edu_open_group() - take the @nth edu device's group into a VFIO container */
int edu_open_group(struct edu *edu, unsigned int nth, int container);
/** edu_open_device() - take the device itself; its container must have a type */
int edu_open_device(struct edu *edu);

/**
 * edu_open_sysfs() - drive the @nth edu device with nobody's leave
 *
 * Through what sysfs has of PCI, whoever owns the device, if anyone does: it shows
 * where the DMA of a device can go that has no user. It has no fd, and can't be
 * attached or reset.
 */
int edu_open_sysfs(struct edu *edu, unsigned int nth);
void edu_close(struct edu *edu);

/** edu_attach() - attach (or switch) to an IOAS or HWPT */
int edu_attach(struct edu *edu, __u32 pt);
int edu_attach_pasid(struct edu *edu, __u32 pasid, __u32 pt);
int edu_detach(struct edu *edu);
int edu_detach_pasid(struct edu *edu, __u32 pasid);
int edu_reset(struct edu *edu);
/** edu_enable() - memory decoding and bus mastering, which a reset turns off */
int edu_enable(struct edu *edu);

/** edu_set_irq() - have the device's MSI signal an eventfd; -1 turns it off */
int edu_set_irq(struct edu *edu, int event);
/** edu_raise_irq() - raise the interrupt; edu_ack_irq() before the next one */
void edu_raise_irq(struct edu *edu);
void edu_ack_irq(struct edu *edu);

/** edu_load() - DMA from memory into the buffer at @offset; waits for the end */
int edu_load(struct edu *edu, __u64 iova, __u32 offset, __u32 len);
/** edu_store() - DMA from the buffer at @offset to memory; waits for the end */
int edu_store(struct edu *edu, __u64 iova, __u32 offset, __u32 len);

/**
 * edu_extended() - whether it is one of those beside QEMU (tools/testing/vtd-unit)
 *
 * These have ATS, PRI and PASIDs of 20 bits; what follows needs one. QEMU's own is
 * a conventional PCI function.
 */
bool edu_extended(const struct edu *edu);

#define EDU_PASID(pasid)	((pasid) | BIT(31))
/* By translations that the device asks for and keeps, not by the IOMMU's */
#define EDU_OWN			BIT(30)

/** edu_set_mode() - how it makes requests from now on; 0: as QEMU's does */
void edu_set_mode(struct edu *edu, __u32 mode);

#define EDU_ASK_READ		BIT(0)
#define EDU_ASK_WRITE		BIT(1)
#define EDU_ASK_LAST		BIT(2)

/** edu_ask() - a page request of the group @group, of 9 bits; @what: EDU_ASK_* */
void edu_ask(struct edu *edu, __u64 iova, unsigned int group, __u32 what);
/** edu_answer() - the code of the oldest answer, -ENOENT if there is none left */
int edu_answer(struct edu *edu, unsigned int *group);

/** edu_store_start() - begin a store; edu_wait() ends it */
void edu_store_start(struct edu *edu, __u64 iova, __u32 offset, __u32 len);
/** edu_wait() - 0 when the device is idle, -ETIMEDOUT when it does not finish */
int edu_wait(struct edu *edu);

#endif
