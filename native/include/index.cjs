/** The folder that has `spore/kernel.h`: for `-I`, and for `include_dirs` of a binding.gyp. */
module.exports = __dirname;
