-- Reads the first page of a PDF with TeX's own library: a line for each font, which says whether it is embedded, then
-- the texts in the order in which they are drawn, as the fonts' maps to Unicode have them. Run: texlua read_pdf.lua FILE
local document = pdfe.open(arg[1])
local resources = pdfe.getpage(document, 1).Resources

local function characters(stream)
  local map, text = {}, pdfe.readwholestream(stream, true)
  for block in text:gmatch("beginbfchar(.-)endbfchar") do
    for code, to in block:gmatch("<(%x+)>%s*<(%x+)>") do map[tonumber(code, 16)] = tonumber(to, 16) end
  end
  for block in text:gmatch("beginbfrange(.-)endbfrange") do
    for first, last, to in block:gmatch("<(%x+)>%s*<(%x+)>%s*<(%x+)>") do
      for code = tonumber(first, 16), tonumber(last, 16) do
        map[code] = tonumber(to, 16) + code - tonumber(first, 16)
      end
    end
    for first, list in block:gmatch("<(%x+)>%s*<%x+>%s*%[(.-)%]") do
      local code = tonumber(first, 16)
      for to in list:gmatch("<(%x+)>") do map[code] = tonumber(to, 16); code = code + 1 end
    end
  end
  return map
end

local maps = {}
for name in pairs(pdfe.dictionarytotable(resources.Font)) do
  local font = resources.Font[name]
  local described = font.FontDescriptor
  local file = described and (described.FontFile or described.FontFile2 or described.FontFile3)
  print("font", font.BaseFont, file and "embedded" or "missing")
  maps[name] = font.ToUnicode and characters(font.ToUnicode) or {}
end

local map = {}
local function say(text)
  local found = {}
  for i = 1, #text do
    local code = map[text:byte(i)]
    found[#found + 1] = code and utf8.char(code) or "?"
  end
  print("text", table.concat(found))
end
local operators = {
  Tf = function(scanner) scanner:pop(); map = maps[scanner:popname()] end,
  Tj = function(scanner) say(scanner:popstring()) end,
}
local page = pdfe.getpage(document, 1)
pdfscanner.scan(pdfe.readwholestream(page.Contents, true), operators, {})
