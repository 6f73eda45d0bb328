// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static int pci_give_to_vfio(const char *bdf)
{
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/driver_override", bdf);
	rc = sysfs_write(path, "vfio-pci");
	if (rc)
		return rc;
	snprintf(path, sizeof(path), PCI_SYSFS "/%s/driver/unbind", bdf);
	rc = sysfs_write(path, bdf);
	if (rc && rc != -ENOENT)
		return rc;
	return sysfs_write("/sys/bus/pci/drivers_probe", bdf);
}

int pci_open_vfio(const char *bdf)
{
	char path[PATH_MAX];
	char name[NAME_MAX + 1];
	int fd, rc;

	rc = pci_vfio_name(bdf, name, sizeof(name));
	if (rc) {
		rc = pci_give_to_vfio(bdf);
		if (rc)
			return rc;
		rc = pci_vfio_name(bdf, name, sizeof(name));
		if (rc)
			return rc;
	}
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int pci_iommu_driver(const char *bdf, char *name, size_t size)
{
	char target[PATH_MAX] = "";
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/iommu/device/driver", bdf);
	if (readlink(path, target, sizeof(target) - 1) < 0)
		return -errno;
	snprintf(name, size, "%s", basename(target));
	return 0;
}
