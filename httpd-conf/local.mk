# SPDX-License-Identifier: Apache-2.0
httpdconfdir = $(pkgdatadir)/httpd-conf
dist_httpdconf_DATA = httpd-conf/vecstore-apache.conf httpd-conf/vecstore-lighttpd.conf httpd-conf/vecstore.conf.example
