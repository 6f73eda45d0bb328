// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "pci.h"

static int sysfs_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static unsigned long pci_id(const char *bdf, const char *attribute)
{
	char path[PATH_MAX];
	char text[16] = "";
	FILE *f;

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/%s", bdf, attribute);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	return strtoul(text, NULL, 16);
}

int pci_find(__u16 vendor, __u16 device, unsigned int nth, char bdf[16])
{
	struct dirent **names;
	int rc = -ENODEV;
	int i, n;

	n = scandir(PCI_SYSFS, &names, NULL, alphasort);
	if (n < 0)
		return -ENODEV;
	for (i = 0; i < n; i++) {
		if (rc && strlen(names[i]->d_name) < 16 &&
		    pci_id(names[i]->d_name, "vendor") == vendor &&
		    pci_id(names[i]->d_name, "device") == device &&
		    !nth--) {
			strcpy(bdf, names[i]->d_name);
			rc = 0;
		}
		free(names[i]);
	}
	free(names);
	return rc;
}

/* The name of the vfio device, "vfio0", once vfio-pci has the function. */
static int pci_vfio_name(const char *bdf, char *name, size_t size)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int rc = -ENOENT;
	DIR *dir;

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/vfio-dev", bdf);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "vfio", 4))
			continue;
		snprintf(name, size, "%s", entry->d_name);
		rc = 0;
	}
	closedir(dir);
	return rc;
}

int pci_unbind(const char *bdf)
{
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/driver/unbind", bdf);
	rc = sysfs_write(path, bdf);
	return rc == -ENOENT ? 0 : rc;
}

int pci_set_domain_type(const char *bdf, const char *type)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/iommu_group/type", bdf);
	return sysfs_write(path, type);
}

static int pci_give_to_vfio(const char *bdf)
{
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/driver_override", bdf);
	rc = sysfs_write(path, "vfio-pci");
	if (rc)
		return rc;
	rc = pci_unbind(bdf);
	if (rc)
		return rc;
	return sysfs_write("/sys/bus/pci/drivers_probe", bdf);
}

/* The same, and if vfio-pci does not have the function yet it gets it. */
static int pci_make_vfio(const char *bdf, char *name, size_t size)
{
	int rc = pci_vfio_name(bdf, name, size);

	if (!rc)
		return 0;
	rc = pci_give_to_vfio(bdf);
	return rc ? rc : pci_vfio_name(bdf, name, size);
}

int pci_open_vfio(const char *bdf)
{
	char path[PATH_MAX];
	char name[NAME_MAX + 1];
	int fd, rc;

	rc = pci_make_vfio(bdf, name, sizeof(name));
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int pci_open_vfio_group(const char *bdf)
{
	char path[PATH_MAX];
	char name[NAME_MAX + 1];
	int fd, group, rc;

	rc = pci_make_vfio(bdf, name, sizeof(name));
	if (rc)
		return rc;
	group = pci_iommu_group(bdf);
	if (group < 0)
		return group;
	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int pci_iommu_group(const char *bdf)
{
	char target[PATH_MAX] = "";
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/iommu_group", bdf);
	if (readlink(path, target, sizeof(target) - 1) < 0)
		return -errno;
	return atoi(basename(target));
}

int pci_remove(const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/remove", bdf);
	return sysfs_write(path, "1");
}

int pci_rescan(void)
{
	return sysfs_write("/sys/bus/pci/rescan", "1");
}

static int pci_open_config(const char *bdf, int flags)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/config", bdf);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int pci_enable(const char *bdf)
{
	int fd = pci_open_config(bdf, O_RDWR);
	__u16 cmd;
	int rc = 0;

	if (fd < 0)
		return fd;
	if (pread(fd, &cmd, sizeof(cmd), PCI_COMMAND) != sizeof(cmd))
		rc = -EIO;
	cmd |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (!rc && pwrite(fd, &cmd, sizeof(cmd), PCI_COMMAND) != sizeof(cmd))
		rc = -EIO;
	close(fd);
	return rc;
}

int pci_map_bar0(const char *bdf, void **bar, size_t *size)
{
	char path[PATH_MAX];
	struct stat info;
	void *map;
	int fd;

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/resource0", bdf);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	map = MAP_FAILED;
	if (!fstat(fd, &info))
		map = mmap(NULL, info.st_size, PROT_READ | PROT_WRITE,
			   MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return -errno;
	*bar = map;
	*size = info.st_size;
	return 0;
}

/* Where a capability of a function is; @config: gets what is at the beginning */
static int pci_capability(const char *bdf, __u8 id, __u8 config[256])
{
	int fd = pci_open_config(bdf, O_RDONLY);
	ssize_t len;
	__u8 at;

	if (fd < 0)
		return fd;
	len = pread(fd, config, 256, 0);
	close(fd);
	if (len != 256)
		return -EIO;
	for (at = config[PCI_CAPABILITY_LIST] & ~3; at && at <= 0xf0;
	     at = config[at + 1] & ~3)
		if (config[at] == id)
			return at;
	return -ENOENT;
}

int pci_msi_address(const char *bdf, __u64 *address)
{
	__u32 lo, hi = 0;
	__u8 config[256];
	int at;

	at = pci_capability(bdf, PCI_CAP_ID_MSI, config);
	if (at < 0)
		return at;
	memcpy(&lo, &config[at + PCI_MSI_ADDRESS_LO], sizeof(lo));
	if (config[at + PCI_MSI_FLAGS] & PCI_MSI_FLAGS_64BIT)
		memcpy(&hi, &config[at + PCI_MSI_ADDRESS_HI], sizeof(hi));
	*address = (__u64)hi << 32 | lo;
	return 0;
}

int pci_rid(const char *bdf)
{
	unsigned int bus, slot, function;

	if (sscanf(bdf, "%*x:%x:%x.%x", &bus, &slot, &function) != 3)
		return -EINVAL;
	return bus << 8 | slot << 3 | function;
}

int pci_requester(const char *bdf, char name[16])
{
	char path[PATH_MAX], real[PATH_MAX];
	const char *bridge;
	__u8 config[256];
	int at, type;

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/..", bdf);
	if (!realpath(path, real))
		return -errno;
	bridge = basename(real);
	snprintf(name, 16, "%s", bdf + 5);
	if (!strncmp(bridge, "pci", 3))
		return 0;
	at = pci_capability(bridge, PCI_CAP_ID_EXP, config);
	if (at == -ENOENT) {
		snprintf(name, 16, "%s", bridge + 5);
		return 0;
	}
	if (at < 0)
		return at;
	type = (config[at + PCI_EXP_FLAGS] & PCI_EXP_FLAGS_TYPE) >> 4;
	if (type == PCI_EXP_TYPE_PCI_BRIDGE)
		snprintf(name, 16, "%.2s:00.0", bdf + 5);
	return 0;
}

/* Where the control register of ATS is, and what is there */
static int ats_control(int fd, __u16 *control)
{
	int at = PCI_CFG_SPACE_SIZE;
	__u32 header;

	while (at) {
		if (pread(fd, &header, sizeof(header), at) != sizeof(header))
			return -EIO;
		if (PCI_EXT_CAP_ID(header) == PCI_EXT_CAP_ID_ATS)
			break;
		at = PCI_EXT_CAP_NEXT(header);
	}
	if (!at)
		return -ENOENT;
	at += PCI_ATS_CTRL;
	return pread(fd, control, sizeof(*control), at) == sizeof(*control) ?
	       at : -EIO;
}

int pci_ats(const char *bdf)
{
	int fd = pci_open_config(bdf, O_RDONLY);
	__u16 control;
	int rc;

	if (fd < 0)
		return fd;
	rc = ats_control(fd, &control);
	close(fd);
	return rc < 0 ? rc : !!(control & PCI_ATS_CTRL_ENABLE);
}

int pci_set_ats(const char *bdf, bool on)
{
	int fd = pci_open_config(bdf, O_RDWR);
	__u16 control;
	int rc;

	if (fd < 0)
		return fd;
	rc = ats_control(fd, &control);
	if (rc >= 0) {
		control &= ~PCI_ATS_CTRL_ENABLE;
		if (on)
			control |= PCI_ATS_CTRL_ENABLE;
		rc = pwrite(fd, &control, sizeof(control), rc) ==
		     sizeof(control) ? 0 : -EIO;
	}
	close(fd);
	return rc;
}

static int link_name(const char *bdf, const char *link, char *name, size_t size)
{
	char target[PATH_MAX] = "";
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/%s", bdf, link);
	if (readlink(path, target, sizeof(target) - 1) < 0)
		return -errno;
	snprintf(name, size, "%s", basename(target));
	return 0;
}

int pci_iommu(const char *bdf, char *name, size_t size)
{
	return link_name(bdf, "iommu", name, size);
}

int pci_iommu_driver(const char *bdf, char *name, size_t size)
{
	return link_name(bdf, "iommu/device/driver", name, size);
}
