import { rolldown } from "rolldown";
import path from "node:path"; import { gzipSync } from "node:zlib";
const root=process.cwd(); const modules=root+"/target/web";
const MADE=/\/((?:wasm|vendor)\/\w+\.js)$/;
async function size(input, stub){
 const b=await rolldown({input,platform:"browser",treeshake:{moduleSideEffects:()=>true},resolve:{extensionAlias:{".js":[".ts",".js"]}},
 plugins:[{name:"made",resolveId:(s)=>MADE.exec(s)?.[1]&&path.join(modules,MADE.exec(s)[1]), load(id){ if(stub&&id.endsWith(stub)) return {code:"export default 0;"+[...new Set([...(require("fs").readFileSync(id,"utf8").matchAll(/export (?:async )?(?:function\*?|const|class|let|declare class) (\w+)/g))].map(m=>m[1]))].map(n=>`export const ${n}=globalThis.${n};`).join(""), moduleType:"js"}; }}]});
 const {output}=await b.generate({format:"esm",minify:true}); await b.close();
 return gzipSync(output[0].code,{level:9}).length;
}
import {createRequire} from "node:module"; const require=createRequire(import.meta.url);
const w=root+"/web/worker.ts"; const base=await size(w); console.log("worker",base);
for(const s of process.argv.slice(2)) try{console.log(s, base-await size(w,s));}catch(e){console.log(s,"ERR",String(e).slice(0,200))}
