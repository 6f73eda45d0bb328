// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/io.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "edu.h"
#include "pci.h"

#define EDU_VERSION		0x00
#define EDU_VERSION_MINOR	GENMASK(23, 16)
#define EDU_IRQ_RAISE		0x60
#define EDU_IRQ_ACK		0x64
#define EDU_DMA_SRC		0x80
#define EDU_DMA_DST		0x88
#define EDU_DMA_COUNT		0x90
#define EDU_DMA_CMD		0x98
#define EDU_DMA_RUN		BIT(0)
#define EDU_DMA_TO_MEMORY	BIT(1)
#define EDU_MODE		0xa0
#define EDU_PAGE		0xa8
#define EDU_ASK			0xb0
#define EDU_ASK_GROUP		GENMASK(16, 8)
#define EDU_ANSWER		0xb8
#define EDU_ANSWER_VALID	BIT_ULL(31)
#define EDU_ANSWER_GROUP	GENMASK_ULL(16, 8)
#define EDU_ANSWER_CODE		GENMASK_ULL(3, 0)
#define EDU_BUFFER		0x40000

/* A transfer takes 100 ms of the machine's time; a loaded host stretches it. */
#define EDU_TIMEOUT_US		5000000
#define EDU_POLL_US		10000

unsigned int edu_count(void)
{
	char bdf[16];
	unsigned int n = 0;

	while (!pci_find(EDU_VENDOR, EDU_DEVICE, n, bdf))
		n++;
	return n;
}

int edu_enable(struct edu *edu)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	__u16 cmd;

	if (ioctl(edu->fd, VFIO_DEVICE_GET_REGION_INFO, &config))
		return -errno;
	if (pread(edu->fd, &cmd, sizeof(cmd), config.offset + PCI_COMMAND) !=
	    sizeof(cmd))
		return -EIO;
	cmd |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(edu->fd, &cmd, sizeof(cmd), config.offset + PCI_COMMAND) !=
	    sizeof(cmd))
		return -EIO;
	return 0;
}

static int edu_map(struct edu *edu)
{
	struct vfio_region_info bar0 = {
		.argsz = sizeof(bar0),
		.index = VFIO_PCI_BAR0_REGION_INDEX,
	};
	void *bar;

	if (ioctl(edu->fd, VFIO_DEVICE_GET_REGION_INFO, &bar0))
		return -errno;
	bar = mmap(NULL, bar0.size, PROT_READ | PROT_WRITE, MAP_SHARED, edu->fd,
		   bar0.offset);
	if (bar == MAP_FAILED)
		return -errno;
	edu->bar = bar;
	edu->bar_size = bar0.size;
	return 0;
}

static int edu_bind(struct edu *edu, int iommufd)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = iommufd,
	};

	if (ioctl(edu->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		return -errno;
	edu->dev = bind.out_devid;
	return 0;
}

static int edu_setup(struct edu *edu)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int rc;

	if (ioctl(edu->fd, VFIO_DEVICE_GET_INFO, &info))
		return -errno;
	edu->flags = info.flags;

	rc = edu_enable(edu);
	if (!rc)
		rc = edu_map(edu);
	/* An owner that died in the middle of a transfer leaves it running. */
	if (!rc)
		rc = edu_wait(edu);
	return rc;
}

static int edu_find(struct edu *edu, unsigned int nth)
{
	*edu = (struct edu){ .nth = nth, .fd = -1, .group = -1 };
	return pci_find(EDU_VENDOR, EDU_DEVICE, nth, edu->bdf);
}

int edu_open(struct edu *edu, unsigned int nth, int iommufd)
{
	int rc;

	rc = edu_find(edu, nth);
	if (rc)
		return rc;
	edu->fd = pci_open_vfio(edu->bdf);
	if (edu->fd < 0)
		return edu->fd;
	rc = edu_bind(edu, iommufd);
	if (!rc)
		rc = edu_setup(edu);
	if (rc)
		edu_close(edu);
	return rc;
}

int edu_open_group(struct edu *edu, unsigned int nth, int container)
{
	int rc;

	rc = edu_find(edu, nth);
	if (rc)
		return rc;
	edu->group = pci_open_vfio_group(edu->bdf);
	if (edu->group < 0)
		return edu->group;
	if (ioctl(edu->group, VFIO_GROUP_SET_CONTAINER, &container)) {
		rc = -errno;
		edu_close(edu);
	}
	return rc;
}

int edu_open_device(struct edu *edu)
{
	int rc;

	edu->fd = ioctl(edu->group, VFIO_GROUP_GET_DEVICE_FD, edu->bdf);
	if (edu->fd < 0)
		return -errno;
	rc = edu_setup(edu);
	if (rc) {
		close(edu->fd);
		edu->fd = -1;
	}
	return rc;
}

int edu_open_sysfs(struct edu *edu, unsigned int nth)
{
	int rc;

	rc = edu_find(edu, nth);
	if (!rc)
		rc = pci_enable(edu->bdf);
	if (!rc)
		rc = pci_map_bar0(edu->bdf, &edu->bar, &edu->bar_size);
	if (!rc)
		rc = edu_wait(edu);
	return rc;
}

void edu_close(struct edu *edu)
{
	if (edu->bar)
		munmap(edu->bar, edu->bar_size);
	if (edu->fd >= 0)
		close(edu->fd);
	if (edu->group >= 0)
		close(edu->group);
	edu->bar = NULL;
	edu->fd = -1;
	edu->group = -1;
}

int edu_attach(struct edu *edu, __u32 pt)
{
	struct vfio_device_attach_iommufd_pt cmd = {
		.argsz = sizeof(cmd),
		.pt_id = pt,
	};

	return ioctl(edu->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd) ? -errno : 0;
}

int edu_attach_pasid(struct edu *edu, __u32 pasid, __u32 pt)
{
	struct vfio_device_attach_iommufd_pt cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_DEVICE_ATTACH_PASID,
		.pt_id = pt,
		.pasid = pasid,
	};

	return ioctl(edu->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd) ? -errno : 0;
}

int edu_detach(struct edu *edu)
{
	struct vfio_device_detach_iommufd_pt cmd = { .argsz = sizeof(cmd) };

	return ioctl(edu->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &cmd) ? -errno : 0;
}

int edu_detach_pasid(struct edu *edu, __u32 pasid)
{
	struct vfio_device_detach_iommufd_pt cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_DEVICE_DETACH_PASID,
		.pasid = pasid,
	};

	return ioctl(edu->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &cmd) ? -errno : 0;
}

int edu_reset(struct edu *edu)
{
	return ioctl(edu->fd, VFIO_DEVICE_RESET) ? -errno : 0;
}

int edu_set_irq(struct edu *edu, int event)
{
	bool on = event >= 0;
	struct {
		struct vfio_irq_set set;
		__s32 fd;
	} cmd = {
		.set = {
			.argsz = on ? sizeof(cmd) : sizeof(cmd.set),
			.flags = VFIO_IRQ_SET_ACTION_TRIGGER |
				 (on ? VFIO_IRQ_SET_DATA_EVENTFD :
				  VFIO_IRQ_SET_DATA_NONE),
			.index = VFIO_PCI_MSI_IRQ_INDEX,
			.count = on,
		},
		.fd = event,
	};

	return ioctl(edu->fd, VFIO_DEVICE_SET_IRQS, &cmd) ? -errno : 0;
}

void edu_raise_irq(struct edu *edu)
{
	writel(1, edu->bar + EDU_IRQ_RAISE);
}

void edu_ack_irq(struct edu *edu)
{
	writel(1, edu->bar + EDU_IRQ_ACK);
}

static void edu_start(struct edu *edu, __u64 src, __u64 dst, __u32 len,
		      __u64 cmd)
{
	writeq(src, edu->bar + EDU_DMA_SRC);
	writeq(dst, edu->bar + EDU_DMA_DST);
	writeq(len, edu->bar + EDU_DMA_COUNT);
	writeq(cmd | EDU_DMA_RUN, edu->bar + EDU_DMA_CMD);
}

int edu_wait(struct edu *edu)
{
	unsigned int waited;

	for (waited = 0; waited < EDU_TIMEOUT_US; waited += EDU_POLL_US) {
		if (!(readq(edu->bar + EDU_DMA_CMD) & EDU_DMA_RUN))
			return 0;
		usleep(EDU_POLL_US);
	}
	return -ETIMEDOUT;
}

int edu_load(struct edu *edu, __u64 iova, __u32 offset, __u32 len)
{
	edu_start(edu, iova, EDU_BUFFER + offset, len, 0);
	return edu_wait(edu);
}

void edu_store_start(struct edu *edu, __u64 iova, __u32 offset, __u32 len)
{
	edu_start(edu, EDU_BUFFER + offset, iova, len, EDU_DMA_TO_MEMORY);
}

int edu_store(struct edu *edu, __u64 iova, __u32 offset, __u32 len)
{
	edu_store_start(edu, iova, offset, len);
	return edu_wait(edu);
}

bool edu_extended(const struct edu *edu)
{
	return readl(edu->bar + EDU_VERSION) & EDU_VERSION_MINOR;
}

void edu_set_mode(struct edu *edu, __u32 mode)
{
	writeq(mode, edu->bar + EDU_MODE);
}

void edu_ask(struct edu *edu, __u64 iova, unsigned int group, __u32 what)
{
	writeq(iova, edu->bar + EDU_PAGE);
	writeq(what | FIELD_PREP(EDU_ASK_GROUP, group), edu->bar + EDU_ASK);
}

int edu_answer(struct edu *edu, unsigned int *group)
{
	__u64 answer = readq(edu->bar + EDU_ANSWER);

	if (!(answer & EDU_ANSWER_VALID))
		return -ENOENT;
	*group = FIELD_GET(EDU_ANSWER_GROUP, answer);
	return FIELD_GET(EDU_ANSWER_CODE, answer);
}
