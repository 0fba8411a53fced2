// Packs files with a package of npm: `node pack.js PACKAGE DIRECTORY ZIP NAME...`. A name that ends in `/` is a directory.
"use strict";
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

const [packing, directory, zip, ...names] = process.argv.slice(2);
const load = createRequire(path.join(process.cwd(), "any.js")); // the packages are in the current directory
const files = names.filter((name) => !name.endsWith("/"));
const content = (name) => fs.readFileSync(path.join(directory, name));

const packings = {
    archiver() {
        const archiver = load("archiver");
        const archive = archiver.ZipArchive ? new archiver.ZipArchive() : archiver("zip"); // from release 8 on, a class
        archive.pipe(fs.createWriteStream(zip));
        archive.directory(directory, false);
        return archive.finalize();
    },
    async jszip(platform = "DOS") {
        const archive = new (load("jszip"))();
        files.forEach((name) => archive.file(name, content(name)));
        const options = { type: "nodebuffer", compression: "DEFLATE", platform };
        fs.writeFileSync(zip, await archive.generateAsync(options));
    },
    "jszip-unix": () => packings.jszip("UNIX"),
    async "adm-zip"() {
        const archive = new (load("adm-zip"))();
        files.forEach((name) => archive.addFile(name, content(name)));
        archive.writeZip(zip);
    },
};
packings[packing]();
